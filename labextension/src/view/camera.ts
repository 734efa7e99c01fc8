/** Which part of a drawing is seen: pan, zoom and fit, as pure functions of a rectangle. */

export interface ICamera {
  x: number;
  y: number;
  scale: number;
}

export interface ISize {
  width: number;
  height: number;
}

const MARGIN = 16;
const LEAST = 0.15;
const MOST = 3;
/** Below this the names of tasks (13 px) can no longer be read with ease. */
const READABLE = 0.7;
const TALLEST = 700;
const LOWEST = 72;

/** All of `scene` in `port`, never enlarged. */
export function fit(scene: ISize, port: ISize): ICamera {
  const across = (port.width - 2 * MARGIN) / Math.max(scene.width, 1);
  const down = (port.height - 2 * MARGIN) / Math.max(scene.height, 1);
  return centred(scene, port, clamp(Math.min(across, down, 1)));
}

/** The first sight: all of it if that can be read, else its beginning at a readable size. */
export function firstSight(scene: ISize, port: ISize): ICamera {
  const whole = fit(scene, port);
  if (whole.scale >= READABLE) {
    return whole;
  }
  const across = (port.width - 2 * MARGIN) / Math.max(scene.width, 1);
  const scale = Math.min(Math.max(across, READABLE), 1);
  const middle = centred(scene, port, scale);
  return { scale, x: Math.max(middle.x, MARGIN), y: Math.max(middle.y, MARGIN) };
}

/** `camera` zoomed by `factor` around the point (px, py) of the port. */
export function zoom(camera: ICamera, factor: number, px: number, py: number): ICamera {
  const scale = clamp(camera.scale * factor);
  const ratio = scale / camera.scale;
  return { scale, x: px - (px - camera.x) * ratio, y: py - (py - camera.y) * ratio };
}

/** `camera` moved just enough that the box around (x, y) is seen. */
export function reveal(camera: ICamera, port: ISize, x: number, y: number, half: ISize): ICamera {
  const left = camera.x + (x - half.width) * camera.scale;
  const right = camera.x + (x + half.width) * camera.scale;
  const top = camera.y + (y - half.height) * camera.scale;
  const bottom = camera.y + (y + half.height) * camera.scale;
  const dx = left < MARGIN ? MARGIN - left : right > port.width - MARGIN ? port.width - MARGIN - right : 0;
  const dy = top < MARGIN ? MARGIN - top : bottom > port.height - MARGIN ? port.height - MARGIN - bottom : 0;
  return { ...camera, x: camera.x + dx, y: camera.y + dy };
}

/** How tall the port should be for a scene seen `width` wide. */
export function portHeight(scene: ISize, width: number): number {
  const scale = Math.min(1, (width - 2 * MARGIN) / Math.max(scene.width, 1));
  const wanted = scene.height * Math.max(scale, READABLE) + 2 * MARGIN;
  return Math.round(Math.min(Math.max(wanted, LOWEST), TALLEST));
}

/** Whether `scene` can be read when all of its width is seen in `width`. */
export function isReadable(scene: ISize, width: number): boolean {
  return (width - 2 * MARGIN) / Math.max(scene.width, 1) >= READABLE;
}

/** On which sides of the port the scene goes on unseen. */
export function unseen(
  camera: ICamera,
  scene: ISize,
  port: ISize
): { left: boolean; right: boolean; top: boolean; bottom: boolean } {
  return {
    left: camera.x < -1,
    right: camera.x + scene.width * camera.scale > port.width + 1,
    top: camera.y < -1,
    bottom: camera.y + scene.height * camera.scale > port.height + 1
  };
}

function centred(scene: ISize, port: ISize, scale: number): ICamera {
  return { scale, x: (port.width - scene.width * scale) / 2, y: (port.height - scene.height * scale) / 2 };
}

function clamp(scale: number): number {
  return Math.min(Math.max(scale, LEAST), MOST);
}
