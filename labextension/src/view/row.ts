/** What is known of the selected run of a backfill: why it stands so, its tasks, the log of one, what one can do. */

import { button, h } from './dom';
import { makeLog } from './log';
import { badgeIcon, look } from './looks';
import type { IAction, IBackfillRow, IBackfillView, ISource } from './types';
import { durationText, isFinished } from './words';

interface IOffer {
  label: string;
  title: string;
  action: IAction;
}

/** Tasks in these states are what one opens a row for, the first of them first. */
const TELLING = ['failed', 'up_for_retry', 'running'];
const RAN = new Set(['success', 'failed', 'up_for_retry', 'running']);

/** The actions that make sense for one run of a backfill. */
export function rowActions(view: IBackfillView, row: IBackfillRow): IOffer[] {
  const where = { flow_id: view.flow_id, run_id: row.run_id };
  if (!isFinished(row.state)) {
    return row.state === 'running'
      ? [{ label: 'Cancel', title: `Cancel the run of ${row.label}`, action: { action: 'cancel', ...where } }]
      : [];
  }
  const retry: IOffer = {
    label: 'Retry failed',
    title: 'Run the failed tasks again, as they were',
    action: { action: 'retry', ...where }
  };
  const clear: IOffer = {
    label: 'Clear',
    title: 'Run all tasks again, as they were',
    action: { action: 'clear', ...where }
  };
  return row.state === 'failed' ? [retry, clear] : [clear];
}

/** The task a row opens with: the one that explains how the row stands. */
export function tellingTask(view: IBackfillView, row: IBackfillRow): string | null {
  const at = TELLING.map(state => row.cells.indexOf(state)).find(index => index >= 0);
  return at === undefined ? null : view.columns[at];
}

/** Put the details into `host`; returns what shows a row and one of its tasks (or nothing) and repaints. */
export function mountRow(
  host: HTMLElement,
  source: ISource,
  onTask: (task: string) => void,
  onClose: () => void,
  signal: AbortSignal
): (view: IBackfillView, row: IBackfillRow | null, task: string | null, now?: number) => void {
  const log = makeLog(source);
  let shown = '';
  return (view, row, task, now) => {
    host.hidden = row === null;
    if (!row) {
      shown = '';
      log.show(null);
      return;
    }
    const state = task ? row.cells[view.columns.indexOf(task)] : 'no_status';
    const key = JSON.stringify([row, task, source.live]);
    if (key !== shown) {
      const focused = host.contains(document.activeElement) ? document.activeElement : null;
      shown = key;
      host.replaceChildren(
        heading(view, row, source, onClose, signal),
        ...(row.reason ? [h('p', { class: `jfx-reason jfx-${row.state}` }, row.reason)] : []),
        h('div', { class: 'jfx-chips' }, ...chips(view, row, task, source.live ? onTask : null, signal)),
        ...(task && source.live && RAN.has(state) ? [taskLine(view, row, task, source, signal)] : []),
        log.element
      );
      keepFocus(host, focused);
    }
    const { flow_id } = view;
    log.show(task ? { flow_id, run_id: row.run_id, task_id: task, map_index: -1, state } : null, now);
  };
}

function heading(
  view: IBackfillView,
  row: IBackfillRow,
  source: ISource,
  onClose: () => void,
  signal: AbortSignal
): HTMLElement {
  const offers = source.live ? rowActions(view, row) : [];
  const said = [look(row.state).label, durationText(row.duration), row.run_id].filter(Boolean).join(' · ');
  return h(
    'div',
    { class: 'jfx-heading' },
    badgeIcon(row.state, 18),
    h(
      'div',
      { class: 'jfx-grow' },
      h('div', { class: 'jfx-name' }, row.label),
      h('div', { class: 'jfx-soft' }, said)
    ),
    h(
      'div',
      { class: 'jfx-actions' },
      ...offers.map(one => button(one.label, one.title, () => source.send(one.action), signal)),
      button('✕', 'Close', onClose, signal)
    )
  );
}

function chips(
  view: IBackfillView,
  row: IBackfillRow,
  chosen: string | null,
  onTask: ((task: string) => void) | null,
  signal: AbortSignal
): HTMLElement[] {
  return row.cells.map((state, i) => {
    const task = view.columns[i];
    const inside = [badgeIcon(state, 13), h('span', {}, task)];
    const said = `${task}: ${look(state).label}`;
    if (!onTask) {
      return h('span', { class: 'jfx-chip', title: said }, ...inside);
    }
    const chip = h(
      'button',
      {
        type: 'button',
        class: 'jfx-chip jfx-pick',
        title: said,
        'aria-label': said,
        'aria-pressed': String(task === chosen),
        'data-task': task
      },
      ...inside
    );
    chip.addEventListener('click', () => onTask(task), { signal });
    return chip;
  });
}

function taskLine(
  view: IBackfillView,
  row: IBackfillRow,
  task: string,
  source: ISource,
  signal: AbortSignal
): HTMLElement {
  const state = row.cells[view.columns.indexOf(task)];
  const where = { flow_id: view.flow_id, run_id: row.run_id, task_id: task, map_index: -1 };
  const offers: IOffer[] = [
    {
      label: 'Open notebook',
      title: `Where the notebook of ${task} is`,
      action: { action: 'open', ...where }
    }
  ];
  if (state !== 'running') {
    offers.push({
      label: 'Clear from here',
      title: `Run ${task} and what follows it again`,
      action: { action: 'clear', ...where }
    });
  }
  return h(
    'div',
    { class: 'jfx-heading jfx-taskLine' },
    h('div', { class: 'jfx-grow' }, h('b', {}, task), ` · ${look(state).label}`),
    h(
      'div',
      { class: 'jfx-actions' },
      ...offers.map(one => button(one.label, one.title, () => source.send(one.action), signal))
    )
  );
}

/** After a repaint the keyboard is where it was: on the chip or the button of the same name. */
function keepFocus(host: HTMLElement, focused: Element | null): void {
  if (focused && !focused.isConnected) {
    const name = focused.getAttribute('aria-label');
    const again = [...host.querySelectorAll<HTMLElement>('button')].find(one =>
      focused instanceof HTMLElement && focused.dataset.task
        ? one.dataset.task === focused.dataset.task
        : one.getAttribute('aria-label') === name
    );
    again?.focus({ preventScroll: true });
  }
}
