/** The list of tasks with their durations, drawn to one scale: what took long, and what waited for what. */

import { h, setState, setText } from './dom';
import { badgeIcon, look } from './looks';
import type { IRunView, ITaskRun } from './types';
import { durationText, took } from './words';

/** Start and width of a bar, as shares of the whole run; null when the task has not started. */
export function barOf(
  row: Pick<ITaskRun, 'start_date' | 'end_date' | 'duration'>,
  span: { start: number; end: number },
  now?: number
): { left: number; width: number } | null {
  const seconds = took(row, now);
  if (!row.start_date || seconds === null) {
    return null;
  }
  const whole = Math.max(span.end - span.start, 1);
  const left = Math.min(Math.max((Date.parse(row.start_date) - span.start) / whole, 0), 1);
  return { left, width: Math.min(Math.max((seconds * 1000) / whole, 0.004), 1 - left) };
}

/** From the first start to the last end (or now). */
export function spanOf(view: IRunView, now?: number): { start: number; end: number } {
  const starts = view.tasks.flatMap(row => (row.start_date ? [Date.parse(row.start_date)] : []));
  const ends = view.tasks.flatMap(row => {
    const seconds = took(row, now);
    return row.start_date && seconds !== null ? [Date.parse(row.start_date) + seconds * 1000] : [];
  });
  return { start: starts.length ? Math.min(...starts) : 0, end: ends.length ? Math.max(...ends) : 1 };
}

/** Put the list into `host`; returns what repaints it. `onSelect` hears which task was chosen. */
export function mountTimeline(
  host: HTMLElement,
  onSelect: (task: string) => void,
  signal: AbortSignal
): (view: IRunView, now?: number) => void {
  const body = h('div', { class: 'jfx-lines', role: 'list' });
  host.append(body);
  const lines = new Map<
    string,
    (row: ITaskRun, span: { start: number; end: number }, now?: number) => void
  >();
  return (view, now) => {
    const span = spanOf(view, now);
    const keys = view.tasks.map(row => `${row.task_id}[${row.map_index}]`);
    if (keys.join() !== [...lines.keys()].join()) {
      lines.clear();
      body.replaceChildren(
        ...view.tasks.map((row, i) => {
          const line = makeLine(row, onSelect, signal);
          lines.set(keys[i], line.paint);
          return line.element;
        })
      );
    }
    view.tasks.forEach((row, i) => lines.get(keys[i])?.(row, span, now));
  };
}

function makeLine(row: ITaskRun, onSelect: (task: string) => void, signal: AbortSignal) {
  const icon = h('span', {});
  const name = row.map_index >= 0 ? `${row.task_id}[${row.map_index}]` : row.task_id;
  const word = h('span', { class: 'jfx-soft' });
  const bar = h('span', { class: 'jfx-span' });
  const time = h('span', { class: 'jfx-soft jfx-time' });
  const pick = h(
    'button',
    { type: 'button', class: 'jfx-pick' },
    icon,
    h('span', { class: 'jfx-lineName', title: name }, name)
  );
  pick.addEventListener('click', () => onSelect(row.task_id), { signal });
  const element = h(
    'div',
    { class: 'jfx-line', role: 'listitem' },
    pick,
    word,
    h('span', { class: 'jfx-lane' }, bar),
    time
  );
  const paint = (now_: ITaskRun, span: { start: number; end: number }, now?: number) => {
    if (element.getAttribute('data-state') !== now_.state) {
      icon.replaceChildren(badgeIcon(now_.state, 14));
      setState(element, now_.state);
    }
    const at = barOf(now_, span, now);
    bar.style.display = at ? '' : 'none';
    if (at) {
      bar.style.left = `${(at.left * 100).toFixed(2)}%`;
      bar.style.width = `${(at.width * 100).toFixed(2)}%`;
    }
    setText(word, look(now_.state).label);
    setText(time, durationText(took(now_, now)));
  };
  return { element, paint };
}
