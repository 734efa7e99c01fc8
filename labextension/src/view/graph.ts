/** The graph: nodes where Python placed them, in the colours of their states; pan, zoom, and keys. */

import { firstSight, fit, portHeight, reveal, unseen, zoom } from './camera';
import type { ICamera } from './camera';
import { button, h, s, setState, setText } from './dom';
import { badge, kindPath } from './looks';
import { neighbour } from './neighbours';
import type { IArrow, IFrame, INode, IScene, ITaskRun, View } from './types';
import { cutTo, progressShare, taskWords, together } from './words';

const DENSE = 28;

interface IDrawnNode {
  node: INode;
  group: SVGGElement;
  paint(rows: ITaskRun[] | null, now?: number): void;
}

/** A graph on the screen. */
export interface IGraph {
  paint(view: View, now?: number): void;
  select(id: string | null): void;
}

/** Draw `scene` into `host`; `onSelect` hears which node was chosen (null: none any more). */
export function mountGraph(
  host: HTMLElement,
  scene: IScene,
  onSelect: (node: INode | null) => void,
  signal: AbortSignal
): IGraph {
  const drawn = new Map(scene.nodes.map(node => [node.id, drawNode(node)]));
  const world = s(
    'g',
    {},
    ...scene.frames.flatMap(drawFrame),
    ...scene.arrows.map(arrow => drawArrow(arrow, scene.direction)),
    ...[...drawn.values()].map(one => one.group),
    ...scene.arrows.filter(arrow => arrow.label).map(drawArrowLabel)
  );
  const pointAt = (arrow: Element | null) =>
    setNear(world, 'jfx-pointed', one => one.dataset.arrow === (arrow as SVGElement | null)?.dataset.arrow);
  world.addEventListener('pointerover', event => pointAt((event.target as Element).closest('.jfx-arrow')), {
    signal
  });
  const svg = s(
    'svg',
    { class: 'jfx-graph', role: 'group', 'aria-label': 'Tasks. Arrow keys move, Enter opens.' },
    world
  );
  const port = h('div', { class: 'jfx-port' }, svg);
  host.append(port);
  const camera = mountCamera(port, svg, world, scene, signal);
  let selected: string | null = null;

  const focusable = (id: string) =>
    drawn.forEach(one => one.group.setAttribute('tabindex', one.node.id === id ? '0' : '-1'));
  if (scene.nodes.length) {
    focusable(scene.nodes[0].id);
  }

  const select = (id: string | null) => {
    selected = id;
    drawn.forEach(one => {
      one.group.classList.toggle('jfx-selected', one.node.id === id);
      one.group.setAttribute('aria-pressed', String(one.node.id === id));
    });
    setNear(world, 'jfx-near', one => id !== null && [one.dataset.from, one.dataset.to].includes(id));
  };
  const choose = (node: INode) => {
    const next = selected === node.id ? null : node;
    select(next?.id ?? null);
    onSelect(next);
  };

  for (const { node, group } of drawn.values()) {
    group.addEventListener('click', () => camera.wasDragged() || choose(node), { signal });
    group.addEventListener('focus', () => camera.reveal(node), { signal });
    group.addEventListener(
      'keydown',
      event => {
        const next = neighbour(scene.nodes, node, event.key);
        if (event.key === 'Enter' || event.key === ' ') {
          choose(node);
        } else if (event.key === 'Escape' && selected) {
          select(null);
          onSelect(null);
        } else if (next) {
          focusable(next.id);
          drawn.get(next.id)?.group.focus();
        } else if (!event.key.startsWith('Arrow')) {
          return;
        }
        event.preventDefault();
        event.stopPropagation();
      },
      { signal }
    );
  }

  return {
    select,
    paint: (view, now) => {
      const rows = rowsByTask(view);
      for (const { node, paint } of drawn.values()) {
        paint(view.type === 'run' ? node.members.flatMap(member => rows.get(member) ?? []) : null, now);
      }
    }
  };
}

/** Give the class `name` to the arrows, and their names, that `is` says; take it from all others. */
function setNear(world: SVGGElement, name: string, is: (arrow: SVGElement) => boolean): void {
  for (const one of Array.from(world.querySelectorAll<SVGElement>('[data-arrow]'))) {
    one.classList.toggle(name, is(one));
  }
}

/** The task runs of a run view by their task. */
export function rowsByTask(view: View): Map<string, ITaskRun[]> {
  const rows = new Map<string, ITaskRun[]>();
  for (const row of view.type === 'run' ? view.tasks : []) {
    rows.set(row.task_id, [...(rows.get(row.task_id) ?? []), row]);
  }
  return rows;
}

function drawNode(node: INode): IDrawnNode {
  const dense = node.height <= DENSE;
  const left = node.x - node.width / 2;
  const top = node.y - node.height / 2;
  const card = (dx: number, name: string) =>
    s('rect', {
      class: name,
      x: left + dx,
      y: top + dx,
      width: node.width,
      height: node.height,
      rx: dense ? 6 : 8
    });
  const mark = s('g', {});
  const textX = left + (dense ? 26 : 32);
  const words = s('text', { class: 'jfx-nodeWords', x: textX, y: node.y + 12.5 });
  const title = s('title', {});
  const track = s('rect', {
    class: 'jfx-track',
    x: left + 8,
    y: top + node.height - 4,
    width: node.width - 16,
    height: 2.5,
    rx: 1.2
  });
  const done = s('rect', {
    class: 'jfx-done',
    x: left + 8,
    y: top + node.height - 4,
    width: 0,
    height: 2.5,
    rx: 1.2
  });
  const group = s(
    'g',
    { class: 'jfx-node', role: 'button', tabindex: -1, 'data-id': node.id },
    title,
    node.members.length > 1 && card(4, 'jfx-card'),
    card(0, 'jfx-card'),
    card(-3, 'jfx-ring'),
    mark,
    s(
      'text',
      { class: 'jfx-nodeName', x: textX, y: node.y + (dense ? 4.3 : -2.5), 'font-size': dense ? 12 : 13 },
      node.label
    ),
    !dense && words,
    track,
    done
  );
  const ring = group.querySelector('.jfx-ring')!;
  ring.setAttribute('width', String(node.width + 6));
  ring.setAttribute('height', String(node.height + 6));
  const markX = left + (dense ? 14 : 17);
  const radius = dense ? 6.5 : 9;

  const paint = (rows: ITaskRun[] | null, now?: number) => {
    const state = rows ? together(rows.map(row => row.state)) : 'plain';
    const said = rows
      ? taskWords(rows, state, now)
      : node.members.length > 1
        ? `${node.members.length} tasks`
        : node.kind;
    if (group.getAttribute('data-state') !== state) {
      mark.replaceChildren(
        rows
          ? badge(state, markX, node.y, radius)
          : s('path', {
              class: 'jfx-kind',
              d: kindPath(node.kind),
              transform: `translate(${markX} ${node.y}) scale(${radius / 7})`
            })
      );
      setState(group, state);
    }
    const reason = rows?.find(row => row.reason)?.reason ?? (rows ? '' : node.doc);
    setText(words, cutTo(said, node.width - 36));
    setText(
      title,
      [node.members.length > 1 ? node.label : node.id, said, reason].filter(Boolean).join(' — ')
    );
    group.setAttribute(
      'aria-label',
      `${node.label}, ${rows && state === 'success' ? `success, ${said}` : said}`
    );
    const share = rows && (state === 'running' || rows.length > 1) ? progressShare(rows) : null;
    track.style.display = done.style.display = share === null ? 'none' : '';
    done.setAttribute('width', String(Math.max((node.width - 16) * Math.min(share ?? 0, 1), 2.5)));
  };
  return { node, group, paint };
}

function drawArrow(arrow: IArrow, direction: IScene['direction']): SVGGElement {
  const [x, y] = arrow.tip;
  const head = direction === 'down' ? `M${x} ${y}l-4 -7.5h8z` : `M${x} ${y}l-7.5 -4v8z`;
  const said = arrow.why || (arrow.names.length ? `passes ${arrow.names.join(', ')}` : '');
  return s(
    'g',
    {
      class: `jfx-arrow${arrow.names.length ? '' : ' jfx-control'}`,
      ...ends(arrow)
    },
    s('title', {}, `${arrow.upstream} → ${arrow.downstream}${said ? `: ${said}` : ''}`),
    s('path', { class: 'jfx-hit', d: arrow.path }),
    s('path', { class: 'jfx-line', d: arrow.path }),
    s('path', { class: 'jfx-head', d: head })
  );
}

/** The names that travel along an arrow; where there is no room for them they show when one points at it. */
function drawArrowLabel(arrow: IArrow): SVGTextElement {
  const spare = arrow.label_shown === false ? ' jfx-spare' : '';
  const [x, y] = arrow.label_at;
  return s('text', { class: `jfx-arrowLabel${spare}`, x, y: y + 3.5, ...ends(arrow) }, arrow.label);
}

function ends(arrow: IArrow) {
  const { upstream, downstream } = arrow;
  return { 'data-arrow': `${upstream} ${downstream}`, 'data-from': upstream, 'data-to': downstream };
}

function drawFrame(frame: IFrame): SVGElement[] {
  const { x, y, width, height } = frame;
  return [
    s('rect', { class: 'jfx-frame', x, y, width, height, rx: 10 }),
    s('text', { class: 'jfx-frameLabel', x: x + 11, y: y + 14 }, frame.label)
  ];
}

interface ICameraControl {
  reveal(node: INode): void;
  wasDragged(): boolean;
}

/** Pan by dragging, zoom by Ctrl+wheel, buttons or + and −; the plain wheel keeps scrolling the notebook. */
function mountCamera(
  port: HTMLElement,
  svg: SVGSVGElement,
  world: SVGGElement,
  scene: IScene,
  signal: AbortSignal
): ICameraControl {
  let camera: ICamera = { x: 0, y: 0, scale: 1 };
  let touched = false;
  let drag: { x: number; y: number; moved: boolean } | null = null;
  let dragged = false;
  const size = () => ({ width: port.clientWidth || 800, height: port.clientHeight || 300 });
  const look = (next: ICamera, byHand = true) => {
    camera = next;
    touched = touched || byHand;
    world.setAttribute(
      'transform',
      `translate(${camera.x.toFixed(1)} ${camera.y.toFixed(1)}) scale(${camera.scale.toFixed(3)})`
    );
    for (const [side, more] of Object.entries(unseen(camera, scene, size()))) {
      port.classList.toggle(`jfx-more-${side}`, more);
    }
  };
  const zoomBy = (factor: number) => look(zoom(camera, factor, size().width / 2, size().height / 2));
  const fitAll = () => look(fit(scene, size()));
  const resized = () => {
    if (port.clientWidth) {
      port.style.height = `${portHeight(scene, port.clientWidth)}px`;
    }
    if (!touched) {
      look(firstSight(scene, size()), false);
    }
  };
  resized();
  if (typeof ResizeObserver !== 'undefined') {
    const observer = new ResizeObserver(resized);
    observer.observe(port);
    signal.addEventListener('abort', () => observer.disconnect());
  }
  port.append(
    h(
      'div',
      { class: 'jfx-zoom' },
      button('−', 'Zoom out', () => zoomBy(1 / 1.25), signal),
      button('+', 'Zoom in', () => zoomBy(1.25), signal),
      button('⤢', 'Show all', fitAll, signal)
    )
  );
  svg.addEventListener(
    'wheel',
    event => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const box = svg.getBoundingClientRect();
        look(zoom(camera, Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top));
      }
    },
    { signal, passive: false }
  );
  svg.addEventListener(
    'pointerdown',
    event => (drag = { x: event.clientX, y: event.clientY, moved: false }),
    { signal }
  );
  svg.addEventListener(
    'pointermove',
    event => {
      if (!drag || !(event.buttons & 1)) {
        return;
      }
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (drag.moved || Math.hypot(dx, dy) > 4) {
        if (!drag.moved) {
          svg.setPointerCapture(event.pointerId);
        }
        drag = { x: event.clientX, y: event.clientY, moved: true };
        look({ ...camera, x: camera.x + dx, y: camera.y + dy });
      }
    },
    { signal }
  );
  svg.addEventListener(
    'pointerup',
    () => {
      dragged = drag?.moved ?? false;
      drag = null;
    },
    { signal }
  );
  port.addEventListener(
    'keydown',
    event => {
      const act = {
        '+': () => zoomBy(1.25),
        '=': () => zoomBy(1.25),
        '-': () => zoomBy(1 / 1.25),
        '0': fitAll
      }[event.key];
      if (act) {
        act();
        event.preventDefault();
        event.stopPropagation();
      }
    },
    { signal }
  );
  return {
    wasDragged: () => {
      const was = dragged;
      dragged = false;
      return was;
    },
    reveal: node =>
      look(reveal(camera, size(), node.x, node.y, { width: node.width / 2, height: node.height / 2 }), false)
  };
}
