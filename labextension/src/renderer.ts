/** Draws our MIME type: the live widget while its kernel lives, and the saved picture before, after and without it. */

import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel, Widget } from '@lumino/widgets';
import type { IPayload } from './view';
import { isPayload, mountView, StillSource } from './view';

export const MIME = 'application/vnd.jupyter-flows.run+json';
const WIDGET_MIME = 'application/vnd.jupyter.widget-view+json';

/**
 * Safe in untrusted notebooks: data becomes text and attributes only, and the live view is asked for only where the
 * notebook is trusted.
 *
 * How the widget manager says that a model is gone differs between releases, so it is not asked: the live view announces
 * itself in the DOM, and as long as it is there it is what is shown.
 */
export class FlowsRenderer extends Panel implements IRenderMime.IRenderer {
  constructor(private _rendermime: IRenderMimeRegistry | null) {
    super();
    this.addClass('jp-Flows-output');
    this._still.addClass('jp-Flows-stillHost');
    this.addWidget(this._still);
    this.node.addEventListener('jp-flows-view', event => this._remember((event as CustomEvent).detail));
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._remember(model.data[MIME]);
    this._paint();
    if (this._live || !this._rendermime || !canBeLive(model, this._rendermime)) {
      return;
    }
    const live = this._rendermime.createRenderer(WIDGET_MIME);
    this._live = live;
    live.addClass('jp-Flows-liveHost');
    live.hide();
    this.addWidget(live);
    this._observer = new MutationObserver(() => this._swap());
    this._observer.observe(live.node, { childList: true, subtree: true });
    await live.renderModel(model);
    this._swap();
  }

  dispose(): void {
    this._observer?.disconnect();
    this._life.abort();
    super.dispose();
  }

  private _remember(payload: unknown): void {
    if (isPayload(payload)) {
      this._payload = payload;
    }
  }

  private _swap(): void {
    const isLive = this._live?.node.querySelector('.jp-Flows-live') !== null && this._live !== null;
    if (isLive !== this._isLive) {
      this._isLive = isLive;
      this._live?.setHidden(!isLive);
      this._still.setHidden(isLive);
      this._paint();
    }
  }

  private _paint(): void {
    this._life.abort();
    this._life = new AbortController();
    this._still.node.replaceChildren();
    if (this._isLive) {
      return;
    }
    if (this._payload) {
      mountView(this._still.node, new StillSource(this._payload), this._life.signal);
    } else {
      this._still.node.textContent = 'This picture was saved by another version of jupyter_flows.';
    }
  }

  private _still = new Widget();
  private _live: IRenderMime.IRenderer | null = null;
  private _isLive = false;
  private _payload: IPayload | null = null;
  private _observer: MutationObserver | null = null;
  private _life = new AbortController();
}

function canBeLive(model: IRenderMime.IMimeModel, rendermime: IRenderMimeRegistry): boolean {
  return model.trusted && WIDGET_MIME in model.data && rendermime.mimeTypes.includes(WIDGET_MIME);
}

/** The renderer's factory; with a notebook's own registry it can show that notebook's live widgets. */
export function flowsFactory(rendermime: IRenderMimeRegistry | null): IRenderMime.IRendererFactory {
  return { safe: true, mimeTypes: [MIME], createRenderer: () => new FlowsRenderer(rendermime) };
}
