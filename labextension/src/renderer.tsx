/** Shows an output that is a run: live from the store, or else the card that the output carries. */
import { ReactWidget } from '@jupyterlab/apputils';
import { htmlRendererFactory } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';
import * as React from 'react';

import type { IFollowed } from './tokens';
import { type IViewContext, ViewContext } from './views/context';
import { freshState, RunView } from './views/RunView';

export const RUN_MIME = 'application/vnd.flyte-jupyter.run.v1+json';

/** Draws a run; what a person did to it survives that a windowed notebook takes it out of the page. */
export class RunWidget extends ReactWidget {
  constructor(
    readonly run: IFollowed,
    private readonly _context: IViewContext,
    private readonly _isInCell: boolean
  ) {
    super();
    this.addClass('flyte-Widget');
  }

  readonly kept = freshState();

  dispose(): void {
    this.run.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    return (
      <ViewContext.Provider value={this._context}>
        <RunView run={this.run} kept={this.kept} isInCell={this._isInCell} />
      </ViewContext.Provider>
    );
  }
}

/** The renderer of one output. */
export class RunRenderer extends Widget implements IRenderMime.IRenderer {
  constructor(
    private readonly _options: IRenderMime.IRendererOptions,
    private readonly _context: IViewContext,
    private readonly _isLive: () => boolean
  ) {
    super();
    this.addClass('flyte-Output');
    this.layout = new PanelLayout();
  }

  /** Show the card at once, and the live view as soon as the store has told of the run. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const name = nameOf(model.data[RUN_MIME]);
    if (name !== this._name) {
      this._follow(name);
    }
    this._context.runs.refresh(name);
    if (!this._live) {
      await this._showCard(model);
    }
  }

  dispose(): void {
    this._run?.dispose();
    super.dispose();
  }

  protected onCloseRequest(message: Message): void {
    this.dispose();
    super.onCloseRequest(message);
  }

  private _follow(name: string): void {
    this._run?.dispose();
    this._live?.dispose();
    this._live = null;
    this._name = name;
    if (!name || !this._isLive()) {
      return;
    }
    const path = (this._options.resolver as { path?: string } | null | undefined)?.path ?? '';
    const run = (this._run = this._context.runs.follow(name, path));
    run.changed.connect(this._told, this);
    this._told();
  }

  private _told(): void {
    if (this._run?.state && !this._live && !this.isDisposed) {
      this._live = new RunWidget(this._run, this._context, true);
      this._run.changed.disconnect(this._told, this);
      this._run = null;
      this._card?.dispose();
      this._card = null;
      (this.layout as PanelLayout).addWidget(this._live);
    }
  }

  private async _showCard(model: IRenderMime.IMimeModel): Promise<void> {
    if (!this._card) {
      this._card = htmlRendererFactory.createRenderer({ ...this._options, mimeType: 'text/html' });
      (this.layout as PanelLayout).addWidget(this._card);
    }
    await this._card.renderModel(model);
  }

  private _card: IRenderMime.IRenderer | null = null;
  private _live: RunWidget | null = null;
  private _name = '';
  private _run: IFollowed | null = null;
}

function nameOf(data: unknown): string {
  const found = (data as { run?: unknown } | null)?.run;
  return typeof found === 'string' ? found : '';
}
