/** The top of every picture: its name, how it stands, a bar of all states, and what one can do. */

import { button, h, setState, setText } from './dom';
import { badgeIcon, look } from './looks';
import type { Counts, IAction, ISource, View } from './types';
import { countsWords, durationText, isFinished, tasksWord, took } from './words';

interface IHeadingWords {
  state: string | null;
  words: string;
  right: string;
  below: string;
  counts: Counts;
}

/** What the heading says of a view. */
export function headingWords(view: View, now?: number): IHeadingWords {
  if (view.type === 'flow') {
    const schedule = view.schedule ? `${view.schedule} (${view.timezone})` : 'no schedule';
    const paused = view.paused ? ' · paused' : '';
    return {
      state: null,
      words: `${tasksWord(view.tasks.length)} · ${schedule}${paused}`,
      right: '',
      below: '',
      counts: {}
    };
  }
  if (view.type === 'run') {
    const time = durationText(took(view, now));
    return {
      state: view.state,
      words: `${view.label ?? view.run_id} · ${view.run_type}`,
      right: [look(view.state).label, time].filter(Boolean).join(' · '),
      below: `${view.done} of ${tasksWord(view.total)}`,
      counts: view.counts
    };
  }
  const last = view.rows.length - 1;
  const span = last >= 0 ? `${view.rows[0].label} … ${view.rows[last].label}` : 'no intervals';
  const paused = view.paused && !isFinished(view.state);
  return {
    state: view.state,
    words: `backfill ${span} · ${view.reprocess} · ${view.parallel} at once`,
    right: paused ? 'paused' : look(view.state).label,
    below: `${view.done} of ${view.total} runs`,
    counts: view.counts.runs
  };
}

/** The actions that make sense for a view as it stands. */
export function headingActions(view: View): { label: string; title: string; action: IAction }[] {
  if (view.type === 'flow') {
    return [];
  }
  const where =
    view.type === 'run'
      ? { flow_id: view.flow_id, run_id: view.run_id }
      : { flow_id: view.flow_id, backfill_id: view.backfill_id };
  const act = (action: IAction['action'], label: string, title: string) => ({
    label,
    title,
    action: { action, ...where }
  });
  if (!isFinished(view.state)) {
    const cancel = act('cancel', 'Cancel', view.type === 'run' ? 'Cancel this run' : 'Cancel this backfill');
    if (view.type === 'run') {
      return [cancel];
    }
    const pause = view.paused
      ? act('resume', 'Resume', 'Go on with this backfill')
      : act('pause', 'Pause', 'Start no further runs of this backfill');
    return [pause, cancel];
  }
  return view.state === 'failed' ? [act('retry', 'Retry failed', 'Run the failed tasks again')] : [];
}

/** Put the heading into `host`; returns what repaints it. */
export function mountHeading(
  host: HTMLElement,
  source: ISource,
  signal: AbortSignal
): (now?: number) => void {
  const icon = h('span', { class: 'jfx-headingIcon' });
  const name = h('div', { class: 'jfx-name' });
  const words = h('div', { class: 'jfx-soft' });
  const right = h('div', { class: 'jfx-standing' });
  const below = h('div', { class: 'jfx-soft' });
  const actions = h('div', { class: 'jfx-actions' });
  const bar = h('div', { class: 'jfx-bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100 });
  const notice = h('div', { class: 'jfx-notice', role: 'status' });
  host.append(
    h(
      'div',
      { class: 'jfx-heading' },
      icon,
      h('div', { class: 'jfx-grow' }, name, words),
      h('div', { class: 'jfx-right' }, right, below),
      actions
    ),
    bar,
    notice
  );
  let shownActions = '';
  return (now?: number) => {
    const { view } = source;
    const said = headingWords(view, now);
    setText(name, view.flow_id);
    setText(words, said.words);
    setText(right, said.right);
    setText(below, said.below);
    setText(notice, source.notice);
    if (said.state && icon.getAttribute('data-badge') !== said.state) {
      icon.setAttribute('data-badge', said.state);
      icon.replaceChildren(badgeIcon(said.state, 22));
      setState(right, said.state);
    }
    paintBar(bar, said.counts);
    const offered = source.live ? headingActions(view) : [];
    const key = offered.map(one => one.label).join();
    if (key !== shownActions) {
      shownActions = key;
      actions.replaceChildren(
        ...offered.map(one => button(one.label, one.title, () => source.send(one.action), signal))
      );
    }
  };
}

function paintBar(bar: HTMLElement, counts: Counts): void {
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  bar.hidden = total === 0;
  const key = JSON.stringify(counts);
  if (total === 0 || bar.getAttribute('data-counts') === key) {
    return;
  }
  bar.setAttribute('data-counts', key);
  const words = countsWords(counts);
  const going = ['no_status', 'scheduled', 'queued', 'running'].reduce(
    (sum, state) => sum + (counts[state] ?? 0),
    0
  );
  bar.setAttribute('aria-valuenow', String(Math.round((100 * (total - going)) / total)));
  bar.setAttribute('aria-valuetext', words.map(([, text]) => text).join(', '));
  bar.replaceChildren(
    ...words.map(([state, text]) =>
      h('span', { class: `jfx-share jfx-${state}`, title: text, style: `flex:${counts[state]}` })
    )
  );
}

/** The legend under a picture: the states that occur, and how often. */
export function paintLegend(host: HTMLElement, counts: Counts): void {
  const key = JSON.stringify(counts);
  if (host.getAttribute('data-counts') !== key) {
    host.setAttribute('data-counts', key);
    host.replaceChildren(
      ...countsWords(counts).map(([state, text]) => h('span', {}, badgeIcon(state, 14), text))
    );
  }
}
