/** A whole picture: heading, graph or matrix, legend, timeline, details. Knows neither Lab nor widgets. */

import { isReadable } from './camera';
import { h } from './dom';
import { mountDetail } from './detail';
import { mountGraph } from './graph';
import type { IGraph } from './graph';
import { mountHeading, paintLegend } from './heading';
import { mountMatrix } from './matrix';
import { mountTimeline } from './timeline';
import type { INode, IScene, ISource } from './types';
import { isFinished } from './words';

const TICK = 1000;

/** Keep `host` showing what `source` says until `signal` aborts. */
export function mountView(host: HTMLElement, source: ISource, signal: AbortSignal): void {
  const root = h('div', {
    class: `jp-Flows ${source.live ? 'jp-Flows-live' : 'jp-Flows-still'}`,
    role: 'region'
  });
  root.setAttribute('aria-label', `Flow ${source.view.flow_id}`);
  const top = h('div', {});
  const body = h('div', {});
  root.append(top, body);
  host.append(root);
  const paintHeading = mountHeading(top, source, signal);
  const paintBody =
    source.view.type === 'backfill' ? mountBackfill(body, source, signal) : mountGraphs(body, source, signal);
  const paint = () => {
    const now = source.live ? Date.now() : undefined;
    paintHeading(now);
    paintBody(now);
  };
  source.addEventListener('change', paint, { signal });
  source.addEventListener('log', paint, { signal });
  source.addEventListener('notice', () => paintHeading(source.live ? Date.now() : undefined), { signal });
  const clock = source.live ? setInterval(() => isMoving(source) && paint(), TICK) : undefined;
  signal.addEventListener('abort', () => {
    clearInterval(clock);
    root.remove();
  });
  paint();
}

function isMoving({ view }: ISource): boolean {
  return view.type !== 'flow' && !isFinished(view.state) && !document.hidden;
}

function mountBackfill(host: HTMLElement, source: ISource, signal: AbortSignal): (now?: number) => void {
  const matrix = h('div', {});
  const legend = h('div', { class: 'jfx-legend' });
  const detail = h('div', { class: 'jfx-detail', hidden: true });
  host.append(matrix, legend, detail);
  const paint = mountMatrix(matrix, detail, source, signal);
  return now => {
    if (source.view.type === 'backfill') {
      paint(source.view, now);
      paintLegend(legend, source.view.counts.tasks);
    }
  };
}

function mountGraphs(host: HTMLElement, source: ISource, signal: AbortSignal): (now?: number) => void {
  const place = h('div', { class: 'jfx-place' });
  const legend = h('div', { class: 'jfx-legend' });
  const detail = h('div', { class: 'jfx-detail', hidden: true });
  const lines = h('details', { class: 'jfx-timeline' }, h('summary', {}, 'Timeline'));
  host.append(place, legend, detail, lines);
  let graph: IGraph | null = null;
  let drawnScene: IScene | null = null;
  let drawn = new AbortController();
  let selected: INode | null = null;

  const select = (node: INode | null) => {
    selected = node;
    graph?.select(node?.id ?? null);
    paintDetail(selected, source.live ? Date.now() : undefined);
  };
  const paintDetail = mountDetail(detail, source, () => select(null), signal);
  const paintLines = mountTimeline(
    lines,
    task => select(source.scene?.nodes.find(node => node.members.includes(task)) ?? null),
    signal
  );
  signal.addEventListener('abort', () => drawn.abort());
  let repaint = () => {};
  if (typeof ResizeObserver !== 'undefined') {
    const observer = new ResizeObserver(() => {
      if (suited(source.scene, place.clientWidth) !== drawnScene) {
        repaint();
      }
    });
    observer.observe(place);
    signal.addEventListener('abort', () => observer.disconnect());
  }

  const paint = (now?: number) => {
    const { view } = source;
    const scene = suited(source.scene, place.clientWidth);
    if (scene !== drawnScene) {
      drawn.abort();
      drawn = new AbortController();
      place.replaceChildren();
      drawnScene = scene;
      graph = scene?.nodes.length ? mountGraph(place, scene, select, drawn.signal) : null;
      if (scene && !graph) {
        place.append(
          h('p', { class: 'jfx-nothing' }, 'No tasks yet: a cell becomes one by the first line %%task NAME.')
        );
      }
      select(scene?.nodes.find(node => node.id === selected?.id) ?? null);
    }
    graph?.paint(view, now);
    lines.hidden = view.type !== 'run';
    if (view.type === 'run') {
      paintLegend(legend, view.counts);
      paintLines(view, now);
    }
    paintDetail(selected, now);
  };
  repaint = () => paint(source.live ? Date.now() : undefined);
  return paint;
}

/** The drawing that can be read in `width`: the one downwards where the usual one would be too small. */
function suited(scene: IScene | null, width: number): IScene | null {
  return scene?.narrow && width > 0 && !isReadable(scene, width) ? scene.narrow : scene;
}
