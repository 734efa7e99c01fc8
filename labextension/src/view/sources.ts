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

  log(): string | null {
    return null;
  }

  send(_action: IAction): void {
    // A still picture offers no action.
  }
}

const LOG_MOST = 64_000;

/** The tails of logs by run and task; one told without its run belongs to whatever run is shown. */
export class Logs {
  private _texts = new Map<string, string>();

  get(task: string, mapIndex: number, run = ''): string | null {
    return this._texts.get(keyOf(run, task, mapIndex)) ?? this._texts.get(keyOf('', task, mapIndex)) ?? null;
  }

  add(task: string, mapIndex: number, text: string, replace: boolean, run = ''): void {
    const key = keyOf(run, task, mapIndex);
    const whole = replace ? text : (this._texts.get(key) ?? '') + text;
    this._texts.set(key, whole.slice(-LOG_MOST));
  }
}

function keyOf(run: string, task: string, mapIndex: number): string {
  return `${run}/${task}[${mapIndex}]`;
}
