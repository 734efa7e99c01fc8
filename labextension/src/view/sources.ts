/** Where pictures get their data: a still payload of a saved notebook, and the base of what a live widget feeds. */

import type { IAction, IScene, ISource, View } from './types';

/** What our MIME type carries. */
export interface IPayload {
  version: number;
  view: View;
  scene: IScene | null;
}

const TYPES = ['flow', 'run', 'backfill'];

/** Whether `data` can be drawn: notebooks come from anywhere, so nothing is taken on trust. */
export function isPayload(data: unknown): data is IPayload {
  const payload = data as IPayload | null;
  const view = payload?.view;
  if (!view || typeof view !== 'object' || !TYPES.includes(view.type)) {
    return false;
  }
  return view.type === 'backfill'
    ? Array.isArray(view.rows) && Array.isArray(view.columns) && Boolean(view.counts)
    : Array.isArray(view.tasks) && Array.isArray(payload?.scene?.nodes);
}

/** A picture that never changes by itself. */
export class StillSource extends EventTarget implements ISource {
  readonly live: boolean = false;
  readonly notice: string = '';

  constructor(private _payload: IPayload) {
    super();
  }

  get view(): View {
    return this._payload.view;
  }

  get scene(): IScene | null {
    return this._payload.scene;
  }

  log(): string {
    return '';
  }

  send(_action: IAction): void {
    // A still picture offers no action.
  }
}

const LOG_MOST = 64_000;

/** The tails of logs, by task. */
export class Logs {
  private _texts = new Map<string, string>();

  get(task: string, mapIndex: number): string {
    return this._texts.get(`${task}[${mapIndex}]`) ?? '';
  }

  add(task: string, mapIndex: number, text: string, replace: boolean): void {
    const key = `${task}[${mapIndex}]`;
    const whole = replace ? text : (this._texts.get(key) ?? '') + text;
    this._texts.set(key, whole.slice(-LOG_MOST));
  }
}
