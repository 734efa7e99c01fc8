/** The plugins, and nothing else. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { flowsFactory } from './renderer';

/** Before the widget manager's own renderer (−10), so that a saved picture is shown where its model is gone. */
const RANK = -20;

const mime: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-flows:mime',
  description: 'Shows flows, runs and backfills in notebooks, live or saved.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app: JupyterFrontEnd, rendermime: IRenderMimeRegistry) => {
    rendermime.addFactory(flowsFactory(null), RANK);
    const perNotebook: DocumentRegistry.IWidgetExtension<NotebookPanel, INotebookModel> = {
      createNew: panel => {
        panel.content.rendermime.addFactory(flowsFactory(panel.content.rendermime), RANK);
      }
    };
    app.docRegistry.addWidgetExtension('Notebook', perNotebook);
  }
};

export default [mime];
