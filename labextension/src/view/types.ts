/** The shapes of `jupyter_flows.views` and `picture.scene`, as far as the pictures need them. */

export type Counts = Record<string, number>;

export interface IAttempt {
  try_number: number;
  state: string;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  outcome: string;
  notebook: string | null;
}

export interface ITaskRun {
  task_id: string;
  map_index: number;
  state: string;
  try_number: number;
  max_tries?: number;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  notebook: string | null;
  reason?: string;
  cell?: number | null;
  cells?: number | null;
  attempts?: IAttempt[];
}

export interface IRunView {
  type: 'run';
  flow_id: string;
  run_id: string;
  run_type: string;
  state: string;
  label?: string;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  reason?: string;
  tasks: ITaskRun[];
  counts: Counts;
  done: number;
  total: number;
}

export interface IFlowTask {
  id: string;
  kind: string;
  group: string | null;
  doc?: string;
}

export interface IFlowView {
  type: 'flow';
  flow_id: string;
  schedule: string | null;
  timezone: string;
  paused: boolean | null;
  tasks: IFlowTask[];
}

export interface IBackfillRow {
  run_id: string;
  label: string;
  state: string;
  start_date: string | null;
  end_date: string | null;
  duration: number | null;
  reason?: string;
  cells: string[];
}

export interface IBackfillView {
  type: 'backfill';
  backfill_id: number;
  flow_id: string;
  state: string;
  paused: boolean;
  reprocess: string;
  parallel: number;
  columns: string[];
  rows: IBackfillRow[];
  counts: { runs: Counts; tasks: Counts };
  done: number;
  total: number;
  created_at: string | null;
  completed_at: string | null;
}

export type View = IRunView | IFlowView | IBackfillView;

export interface INode {
  id: string;
  label: string;
  kind: string;
  members: string[];
  doc: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface IArrow {
  upstream: string;
  downstream: string;
  kind: string;
  names: string[];
  why: string;
  path: string;
  tip: [number, number];
  label: string;
  label_at: [number, number];
  label_shown?: boolean;
}

export interface IFrame {
  label: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface IScene {
  direction: 'right' | 'down';
  width: number;
  height: number;
  nodes: INode[];
  arrows: IArrow[];
  frames: IFrame[];
  narrow?: IScene | null;
}

export interface IAction {
  action: 'cancel' | 'retry' | 'clear' | 'open' | 'log' | 'pause' | 'resume';
  [detail: string]: unknown;
}

/**
 * Where a picture gets its data and sends its clicks. Dispatches `change`, `log` and `notice`.
 *
 * `live` is false for the picture of a saved notebook: it then offers no action and no clock ticks.
 */
export interface ISource extends EventTarget {
  readonly view: View;
  readonly scene: IScene | null;
  readonly live: boolean;
  readonly notice: string;
  /** The tail of a log; null while it is not known. */
  log(task: string, mapIndex: number, run: string): string | null;
  send(action: IAction): void;
}
