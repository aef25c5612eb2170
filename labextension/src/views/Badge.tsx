/** A line above a cell: the task that it is, and whether it is up to date; a press tells why. */
import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { cut } from '../format';

export interface IBadge {
  readonly title: string;
  readonly state: 'fresh' | 'stale' | 'cached' | 'running' | 'failed' | 'new';
  readonly task: boolean;
}

interface ITranslate {
  __(text: string, ...values: unknown[]): string;
}

const LOOKS: Readonly<Record<IBadge['state'], { symbol: string; colour: string }>> = {
  fresh: { symbol: '✓', colour: '--jp-success-color1' },
  stale: { symbol: '↻', colour: '--jp-warn-color1' },
  cached: { symbol: '◆', colour: '--jp-success-color1' },
  running: { symbol: '●', colour: '--jp-info-color1' },
  failed: { symbol: '✗', colour: '--jp-error-color1' },
  new: { symbol: '○', colour: '--jp-ui-font-color2' }
};

export class BadgeWidget extends ReactWidget {
  constructor(
    private readonly _trans: ITranslate,
    private readonly _explain: () => void
  ) {
    super();
    this.addClass('flyte-Badge');
  }

  get badge(): IBadge | null {
    return this._badge;
  }

  set badge(badge: IBadge | null) {
    if (JSON.stringify(badge) !== JSON.stringify(this._badge)) {
      this._badge = badge;
      this.setHidden(badge === null);
      this.update();
    }
  }

  protected render(): JSX.Element | null {
    const badge = this._badge;
    if (!badge) {
      return null;
    }
    const look = LOOKS[badge.state];
    return (
      <button
        type="button"
        className="flyte-BadgeButton"
        title={this._trans.__('Why?')}
        onClick={event => {
          event.stopPropagation();
          this._explain();
        }}
        onMouseDown={event => event.stopPropagation()}
      >
        <span className="flyte-Symbol" style={{ color: `var(${look.colour})` }} aria-hidden="true">
          {look.symbol}
        </span>
        {badge.title ? <strong>{cut(badge.title, 60)} </strong> : null}
        {this._word(badge.state)}
      </button>
    );
  }

  private _word(state: IBadge['state']): string {
    switch (state) {
      case 'fresh':
        return this._trans.__('fresh');
      case 'stale':
        return this._trans.__('stale');
      case 'cached':
        return this._trans.__('cached');
      case 'running':
        return this._trans.__('running');
      case 'failed':
        return this._trans.__('failed');
      case 'new':
        return this._trans.__('not run yet');
    }
  }

  private _badge: IBadge | null = null;
}
