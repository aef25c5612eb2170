/** The tabs of the main area: one for each run that is opened, one for each pair that is compared. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import type { IPlaces } from './actions';
import { root } from './advance';
import { label } from './format';
import { flyteIcon } from './icons';
import { RunWidget } from './renderer';
import type { IFollowed, IRunActions, IRuns } from './tokens';
import { ComparisonWidget } from './views/Comparison';

export const OPEN = 'flyte:open-run';

interface IOpened extends ReadonlyPartialJSONObject {
  readonly run: string;
  readonly near: string;
  /** A later run that it is compared with; empty where only one is shown. */
  readonly other: string;
}

export class Tabs implements IPlaces {
  constructor(private readonly _options: Tabs.IOptions) {}

  /** Take up the tabs of last time, now that everything is there that they need. */
  begin(actions: IRunActions, restorer: ILayoutRestorer | null): void {
    this._actions = actions;
    const { app, trans } = this._options;
    app.commands.addCommand(OPEN, {
      label: trans.__('Open Run'),
      execute: args =>
        this._show({ run: String(args.run), near: String(args.near ?? ''), other: String(args.other ?? '') }),
      describedBy: {
        args: {
          type: 'object',
          required: ['run'],
          properties: {
            run: { type: 'string', description: trans.__('The name of the run') },
            near: { type: 'string', description: trans.__('The path of a notebook that uses its store') },
            other: { type: 'string', description: trans.__('A later run to compare it with') }
          }
        }
      }
    });
    if (restorer) {
      void restorer.restore(this._tracker, {
        command: OPEN,
        args: widget => this._opened.get(widget) ?? {},
        name: widget => widget.id
      });
    }
  }

  open(run: string, near: string, action?: string): void {
    const widget = this._show({ run, near, other: '' });
    if (action && widget.content instanceof RunWidget) {
      widget.content.kept.action = action;
      widget.content.update();
    }
  }

  compare(run: string, other: string, near: string): void {
    this._show({ run, near, other });
  }

  private _show(wanted: IOpened): MainAreaWidget {
    const { app } = this._options;
    const id = idOf(wanted);
    let widget = this._tracker.find(one => one.id === id);
    if (!widget) {
      widget = new MainAreaWidget({ content: this._content(wanted) });
      widget.id = id;
      widget.title.label = wanted.other ? `${wanted.run} → ${wanted.other}` : wanted.run;
      widget.title.icon = flyteIcon;
      widget.title.closable = true;
      widget.toolbar.hide();
      this._opened.set(widget, wanted);
      void this._tracker.add(widget);
      if (widget.content instanceof RunWidget) {
        entitle(widget.content.run, widget);
      }
    }
    if (!widget.isAttached) {
      app.shell.add(widget, 'main');
    }
    app.shell.activateById(widget.id);
    return widget;
  }

  private _content(wanted: IOpened): Widget {
    const { runs, trans, themed } = this._options;
    const actions = this._actions as IRunActions;
    const context = { runs, actions, trans, themed };
    if (wanted.other) {
      return new ComparisonWidget(wanted.run, wanted.other, wanted.near, context);
    }
    const run = runs.follow(wanted.run, wanted.near);
    run.changed.connect(() =>
      entitle(
        run,
        this._tracker.find(one => one.id === idOf(wanted))
      )
    );
    return new RunWidget(run, context, false);
  }

  private _actions: IRunActions | null = null;
  private _opened = new WeakMap<Widget, IOpened>();
  private _tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'flyte-runs' });
}

function idOf(wanted: IOpened): string {
  return `flyte-run-${wanted.run}${wanted.other ? `-${wanted.other}` : ''}`;
}

/** Name a tab by the run's task, once it is known. */
function entitle(run: IFollowed, widget: Widget | undefined): void {
  if (widget && run.state) {
    widget.title.label = `${label(root(run.state))} ${run.name}`;
  }
}

export namespace Tabs {
  export interface IOptions {
    app: JupyterFrontEnd;
    runs: IRuns;
    trans: TranslationBundle;
    themed: ISignal<unknown, unknown> | null;
  }
}
