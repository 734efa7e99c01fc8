/** The words beside the drawings, the same as in `picture/words.py`. */

import { look, STATE_NAMES } from './looks';
import type { Counts, ITaskRun } from './types';

const LOUDEST_FIRST = [
  'failed',
  'upstream_failed',
  'running',
  'restarting',
  'up_for_retry',
  'up_for_reschedule',
  'deferred',
  'queued',
  'scheduled',
  'no_status',
  'success',
  'skipped',
  'removed'
];
const DONE = new Set(['success', 'skipped', 'failed', 'upstream_failed', 'removed']);

/** One state for many: the loudest wins. */
export function together(states: Iterable<string>): string {
  const present = new Set(states);
  return LOUDEST_FIRST.find(state => present.has(state)) ?? 'no_status';
}

/** `0.4 s`, `12 s`, `3 m 05 s`, `2 h 10 m`, `3 d 4 h`; empty for null. */
export function durationText(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) {
    return '';
  }
  if (seconds < 9.95) {
    return `${Math.max(seconds, 0).toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  }
  if (whole < 86400) {
    return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
  }
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long something took; of what still runs, how long so far, if `now` is given. */
export function took(
  item: { duration: number | null; start_date: string | null; end_date: string | null },
  now?: number
): number | null {
  if (item.duration !== null && item.duration !== undefined) {
    return item.duration;
  }
  return now !== undefined && item.start_date && !item.end_date
    ? Math.max((now - Date.parse(item.start_date)) / 1000, 0)
    : null;
}

/** `text`, its middle cut out when it is longer than `most` characters. */
export function shortened(text: string, most: number): string {
  const tail = Math.floor((most - 1) / 3);
  return text.length <= most ? text : `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
}

/** `words` with as many of its parts (`failed · 12 s · try 2`) as fit into `room` when 11 px high; at least one. */
export function cutTo(words: string, room: number): string {
  const parts = words.split(' · ');
  while (parts.length > 1 && smallWidth(parts.join(' · ')) > room) {
    parts.pop();
  }
  return parts.join(' · ');
}

function smallWidth(text: string): number {
  const width = (c: string) =>
    /[ijlItfr.,:;'|!()[\]{}\-/ ·]/.test(c) ? 0.34 : /[mwMW@%—…]/.test(c) ? 0.95 : 0.62;
  return 11 * Array.from(text).reduce((sum, c) => sum + width(c), 0);
}

/** What a terminal would show of `text`: no colour codes, and of a line written over itself the last that was written. */
export function plain(text: string): string {
  return text
    .replace(/\u001b(\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007)/g, '')
    .replace(/\r\n/g, '\n')
    .replace(/[^\n]*\r(?=[^\n])/g, '');
}

/** `1 task`, `3 tasks`. */
export function tasksWord(count: number): string {
  return `${count} task${count === 1 ? '' : 's'}`;
}

/** The line under a task's name: how its task runs stand, how far, how long. */
export function taskWords(rows: ITaskRun[], state: string, now?: number): string {
  if (rows.length !== 1) {
    const done = rows.filter(row => row.state === 'success' || row.state === 'skipped').length;
    return rows.length ? `${look(state).label} · ${done} of ${rows.length}` : look(state).label;
  }
  const [row] = rows;
  const time = durationText(
    state === 'running'
      ? took(row, now)
      : ['success', 'failed', 'skipped'].includes(state)
        ? row.duration
        : null
  );
  if (state === 'running' && row.cells) {
    return `cell ${Math.min((row.cell ?? 0) + 1, row.cells)} of ${row.cells}`;
  }
  const tries = row.try_number > 1 ? `try ${row.try_number}` : '';
  const word = time && state === 'success' ? '' : look(state).label;
  return [word, time, tries].filter(Boolean).join(' · ');
}

/** How much is done, between 0 and 1; null when nothing can be said. */
export function progressShare(rows: ITaskRun[]): number | null {
  if (rows.length > 1) {
    return rows.filter(row => DONE.has(row.state)).length / rows.length;
  }
  return rows.length && rows[0].cells ? (rows[0].cell ?? 0) / rows[0].cells : null;
}

/** `[state, "3 success"]` in the order of the legend, without the zeros. */
export function countsWords(counts: Counts): [string, string][] {
  return STATE_NAMES.filter(state => counts[state]).map(state => [
    state,
    `${counts[state]} ${look(state).label}`
  ]);
}

/** Whether the run or backfill will not go on by itself. */
export function isFinished(state: string): boolean {
  return state === 'success' || state === 'failed';
}
