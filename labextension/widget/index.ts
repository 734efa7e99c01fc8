/** The widget: a view fed by a kernel through anywidget. */

import '../style/base.css';
import { Logs, mountView } from '../src/view';
import type { IAction, IScene, ISource, View } from '../src/view';

/** What anywidget hands over, as far as it is used here. */
interface IModel {
  get(name: 'view'): View;
  get(name: 'scene'): IScene | null;
  on(name: string, listener: (message: IMessage) => void): void;
  off(name: string, listener: (message: IMessage) => void): void;
  send(content: unknown): void;
}

type IMessage =
  | { kind: 'log'; task_id: string; map_index: number; run_id?: string; text: string; replace: boolean }
  | { kind: 'notice'; text: string }
  | { kind: 'ack'; id: number };

const PATIENCE = 2500;

class KernelSource extends EventTarget implements ISource {
  readonly live = true;
  notice = '';
  private _logs = new Logs();
  private _next = 1;
  private _waiting = new Map<number, ReturnType<typeof setTimeout>>();

  constructor(
    private _model: IModel,
    signal: AbortSignal
  ) {
    super();
    const changed = () => this.dispatchEvent(new Event('change'));
    const heard = (message: IMessage) => this._hear(message);
    _model.on('change:view', changed);
    _model.on('change:scene', changed);
    _model.on('msg:custom', heard);
    signal.addEventListener('abort', () => {
      _model.off('change:view', changed);
      _model.off('change:scene', changed);
      _model.off('msg:custom', heard);
      this._waiting.forEach(timer => clearTimeout(timer));
    });
  }

  get view(): View {
    return this._model.get('view');
  }

  get scene(): IScene | null {
    return this._model.get('scene');
  }

  log(task: string, mapIndex: number, run: string): string | null {
    return this._logs.get(task, mapIndex, run);
  }

  send(action: IAction): void {
    const id = this._next++;
    if (action.action !== 'log') {
      this._waiting.set(
        id,
        setTimeout(
          () =>
            this._say(
              `The kernel is busy and will ${action.action} when it is free; a terminal need not wait: jupyter flows ${action.action}`
            ),
          PATIENCE
        )
      );
    }
    this._model.send({ ...action, id });
  }

  private _hear(message: IMessage): void {
    if (message.kind === 'log') {
      this._logs.add(message.task_id, message.map_index, message.text, message.replace, message.run_id);
      this.dispatchEvent(new Event('log'));
    } else if (message.kind === 'notice') {
      this._say(message.text);
    } else if (message.kind === 'ack' && this._waiting.has(message.id)) {
      clearTimeout(this._waiting.get(message.id));
      this._waiting.delete(message.id);
      this._say('');
    }
  }

  private _say(text: string): void {
    this.notice = text;
    this.dispatchEvent(new Event('notice'));
  }
}

export default {
  render({ model, el }: { model: IModel; el: HTMLElement }): () => void {
    const life = new AbortController();
    const source = new KernelSource(model, life.signal);
    // The notebook's renderer of saved pictures listens: when this view goes, it shows what was seen last.
    const tell = () =>
      el.dispatchEvent(
        new CustomEvent('jp-flows-view', {
          bubbles: true,
          detail: { version: 1, view: source.view, scene: source.scene }
        })
      );
    source.addEventListener('change', tell, { signal: life.signal });
    mountView(el, source, life.signal);
    return () => life.abort();
  }
};
