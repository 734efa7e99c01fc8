/** What is known of the selected task: why it stands so, its attempts, the tail of its log, and what one can do. */

import { button, h } from './dom';
import { makeLog } from './log';
import type { ILogOwner } from './log';
import { badgeIcon, look } from './looks';
import type { IAction, IAttempt, INode, IRunView, ISource, ITaskRun } from './types';
import { durationText, taskWords, together } from './words';

const RUNNING = new Set([
  'running',
  'queued',
  'scheduled',
  'up_for_retry',
  'up_for_reschedule',
  'deferred',
  'restarting'
]);

/** The actions that make sense for a task run as it stands. */
export function taskActions(
  view: IRunView,
  row: ITaskRun
): { label: string; title: string; action: IAction }[] {
  const where = {
    flow_id: view.flow_id,
    run_id: view.run_id,
    task_id: row.task_id,
    map_index: row.map_index,
    try_number: row.try_number
  };
  const out = [];
  if (row.notebook) {
    const action: IAction = { action: 'open', notebook: row.notebook, ...where };
    out.push({ label: 'Open notebook', title: `Open ${row.notebook}`, action });
  }
  if (RUNNING.has(row.state)) {
    out.push({
      label: 'Cancel',
      title: `Stop ${row.task_id}`,
      action: { action: 'cancel' as const, ...where }
    });
  } else if (row.state !== 'no_status' && row.state !== 'removed') {
    out.push({
      label: 'Clear',
      title: `Run ${row.task_id} and what follows it again`,
      action: { action: 'clear' as const, ...where }
    });
  }
  return out;
}

/** Put the details into `host`; returns what shows a node (or nothing) and repaints. */
export function mountDetail(
  host: HTMLElement,
  source: ISource,
  onClose: () => void,
  signal: AbortSignal
): (node: INode | null, now?: number) => void {
  let shown = '';
  const log = makeLog(source);
  return (node, now) => {
    const { view } = source;
    const rows =
      node && view.type === 'run' ? view.tasks.filter(row => node.members.includes(row.task_id)) : [];
    host.hidden = !node || view.type !== 'run';
    if (!node || view.type !== 'run') {
      shown = '';
      log.show(null);
      return;
    }
    const key = JSON.stringify([node.id, rows, source.live]);
    if (key !== shown) {
      shown = key;
      host.replaceChildren(...describe(node, rows, view, source, onClose, signal), log.element);
    }
    log.show(rows.length === 1 ? logOwner(view, rows[0]) : null, now);
  };
}

function logOwner(view: IRunView, row: ITaskRun): ILogOwner {
  const { task_id, map_index, state, try_number } = row;
  return { flow_id: view.flow_id, run_id: view.run_id, task_id, map_index, state, try_number };
}

function describe(
  node: INode,
  rows: ITaskRun[],
  view: IRunView,
  source: ISource,
  onClose: () => void,
  signal: AbortSignal
): HTMLElement[] {
  const state = together(rows.map(row => row.state));
  const actions = source.live && rows.length === 1 ? taskActions(view, rows[0]) : [];
  const head = h(
    'div',
    { class: 'jfx-heading' },
    badgeIcon(state, 18),
    h(
      'div',
      { class: 'jfx-grow' },
      h('div', { class: 'jfx-name' }, node.label),
      h('div', { class: 'jfx-soft' }, taskWords(rows, state))
    ),
    h(
      'div',
      { class: 'jfx-actions' },
      ...actions.map(one => button(one.label, one.title, () => source.send(one.action), signal)),
      button('✕', 'Close', onClose, signal)
    )
  );
  const reasons = [...new Set(rows.flatMap(row => (row.reason ? [row.reason] : [])))];
  const parts: HTMLElement[] = [
    head,
    ...reasons.slice(0, 3).map(reason => h('p', { class: `jfx-reason jfx-${state}` }, reason))
  ];
  if (rows.length > 1) {
    parts.push(h('div', { class: 'jfx-chips' }, ...rows.map(chip)));
  } else if (rows[0]?.attempts?.length) {
    parts.push(h('ol', { class: 'jfx-attempts' }, ...rows[0].attempts.map(describeAttempt)));
  }
  return parts;
}

function chip(row: ITaskRun): HTMLElement {
  const name = row.map_index >= 0 ? `[${row.map_index}]` : row.task_id;
  const title = [row.task_id, look(row.state).label, durationText(row.duration)].filter(Boolean).join(' · ');
  return h('span', { class: 'jfx-chip', title }, badgeIcon(row.state, 13), name);
}

function describeAttempt(attempt: IAttempt): HTMLElement {
  const words = [
    `try ${attempt.try_number}`,
    look(attempt.state).label,
    durationText(attempt.duration),
    attempt.outcome
  ];
  return h(
    'li',
    {},
    badgeIcon(attempt.state, 13),
    h('span', {}, words.filter(Boolean).join(' · ')),
    attempt.notebook ? h('code', { class: 'jfx-path', title: attempt.notebook }, attempt.notebook) : null
  );
}
