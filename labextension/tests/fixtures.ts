import { StillSource } from '../src/view';
import type { IAction, IBackfillView, INode, IPayload, IRunView, IScene, ITaskRun } from '../src/view';

export function row(task_id: string, state: string, more: Partial<ITaskRun> = {}): ITaskRun {
  return {
    task_id,
    state,
    map_index: -1,
    try_number: 1,
    start_date: null,
    end_date: null,
    duration: null,
    notebook: null,
    ...more
  };
}

export function run(tasks: ITaskRun[], state = 'running'): IRunView {
  const counts: Record<string, number> = {};
  tasks.forEach(task => (counts[task.state] = (counts[task.state] ?? 0) + 1));
  return {
    type: 'run',
    flow_id: 'flights',
    run_id: 'manual__1',
    run_type: 'manual',
    state,
    start_date: null,
    end_date: null,
    duration: null,
    tasks,
    counts,
    done: 0,
    total: tasks.length
  };
}

export function node(id: string, x: number, y: number, members = [id]): INode {
  return { id, label: id, kind: 'cell', members, doc: '', x, y, width: 120, height: 40 };
}

export function scene(nodes: INode[]): IScene {
  return { direction: 'right', width: 600, height: 200, nodes, arrows: [], frames: [] };
}

export function backfill(states: string[][]): IBackfillView {
  return {
    type: 'backfill',
    backfill_id: 3,
    flow_id: 'flights',
    state: 'running',
    paused: false,
    reprocess: 'missing',
    parallel: 2,
    columns: states[0].map((_, i) => `task_${i}`),
    rows: states.map((cells, i) => ({
      run_id: `backfill__${i}`,
      label: `2013-01-0${i + 1}`,
      state: 'running',
      start_date: null,
      end_date: null,
      duration: null,
      cells
    })),
    counts: { runs: { running: states.length }, tasks: {} },
    done: 0,
    total: states.length,
    created_at: null,
    completed_at: null
  };
}

/** A source that is live, remembers what was asked, and can be changed. */
export class FakeSource extends StillSource {
  readonly live = true;
  readonly sent: IAction[] = [];

  constructor(public payload: IPayload) {
    super(payload);
  }

  get view() {
    return this.payload.view;
  }

  get scene() {
    return this.payload.scene;
  }

  send(action: IAction): void {
    this.sent.push(action);
  }

  show(payload: IPayload): void {
    this.payload = payload;
    this.dispatchEvent(new Event('change'));
  }
}
