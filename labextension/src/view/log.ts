/** The tail of a task's log: asked for when it is shown, when the task moves, and now and then while it runs. */

import { h, setText } from './dom';
import type { ISource } from './types';
import { plain } from './words';

/** Whose log. */
export interface ILogOwner {
  flow_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
  state: string;
  try_number?: number;
}

/** How often the log of a running task is asked for, in ms. */
const AGAIN = 2000;
/** States in which a task has not written anything yet. */
const BEFORE = new Set(['no_status', 'scheduled', 'queued', 'removed', 'skipped', 'upstream_failed']);

/** An element that shows the log of whoever it is told; null hides it. */
export function makeLog(source: ISource): {
  element: HTMLElement;
  show(owner: ILogOwner | null, now?: number): void;
} {
  const element = h('pre', { class: 'jfx-log', tabindex: 0, 'aria-label': 'Log', hidden: true });
  let asked = '';
  let askedAt = 0;
  const ask = (owner: ILogOwner, now: number) => {
    const { state, try_number: tries, ...where } = owner;
    const key = JSON.stringify([where, state, tries]);
    if (key === asked && (state !== 'running' || now - askedAt < AGAIN)) {
      return;
    }
    asked = key;
    askedAt = now;
    // A task that waits for its next try has no attempt of that number yet: the newest is meant.
    source.send({ action: 'log', ...where, ...(state === 'running' && tries ? { try_number: tries } : {}) });
  };
  const show = (owner: ILogOwner | null, now = 0) => {
    const hasLog = owner !== null && source.live && !BEFORE.has(owner.state);
    if (hasLog) {
      ask(owner, now);
    } else {
      asked = '';
    }
    const text = hasLog ? source.log(owner.task_id, owner.map_index, owner.run_id) : null;
    element.hidden = text === null;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 8;
    element.classList.toggle('jfx-empty', text === '');
    setText(element, text === '' ? 'Nothing printed.' : plain(text ?? ''));
    if (atEnd) {
      element.scrollTop = element.scrollHeight;
    }
  };
  return { element, show };
}
