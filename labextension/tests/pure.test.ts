import { describe, expect, it } from 'vitest';
import { firstSight, fit, portHeight, reveal, zoom } from '../src/view/camera';
import { headingActions } from '../src/view/heading';
import { look, STATE_NAMES } from '../src/view/looks';
import { step } from '../src/view/matrix';
import { neighbour } from '../src/view/neighbours';
import { isPayload, Logs } from '../src/view/sources';
import { barOf, spanOf } from '../src/view/timeline';
import { durationText, progressShare, taskWords, together, took, plain } from '../src/view/words';
import { backfill, node, row, run, scene } from './fixtures';

describe('words', () => {
  it.each([
    [0.42, '0.4 s'],
    [12.2, '12 s'],
    [185, '3 m 05 s'],
    [7800, '2 h 10 m'],
    [273600, '3 d 4 h'],
    [null, '']
  ])('says how long %s seconds are', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it('lets the loudest state speak for many', () => {
    expect(together(['success', 'failed', 'running'])).toBe('failed');
    expect(together(['success', 'skipped'])).toBe('success');
    expect(together([])).toBe('no_status');
  });

  it('counts the time of a running task only when a clock is given', () => {
    const started = row('a', 'running', { start_date: '2024-01-01T00:00:00+00:00' });
    expect(took(started)).toBeNull();
    expect(took(started, Date.parse('2024-01-01T00:01:00Z'))).toBe(60);
  });

  it('says which cell runs, how many mapped runs are done, and which try it is', () => {
    expect(taskWords([row('a', 'running', { cell: 2, cells: 5 })], 'running')).toBe('cell 3 of 5');
    expect(taskWords([row('a', 'success'), row('a', 'failed')], 'failed')).toBe('failed · 1 of 2');
    expect(taskWords([row('a', 'up_for_retry', { try_number: 2 })], 'up_for_retry')).toBe(
      'up for retry · try 2'
    );
    expect(taskWords([], 'no_status')).toBe('not started');
  });

  it('knows the share of cells and of mapped runs', () => {
    expect(progressShare([row('a', 'running', { cell: 1, cells: 4 })])).toBe(0.25);
    expect(progressShare([row('a', 'success'), row('a', 'running')])).toBe(0.5);
    expect(progressShare([row('a', 'running')])).toBeNull();
  });

  it('draws a state of a newer release as not started', () => {
    expect(look('teleported')).toBe(look('no_status'));
    expect(new Set(STATE_NAMES.map(name => look(name).path)).size).toBe(STATE_NAMES.length);
  });
});

describe('camera', () => {
  const port = { width: 800, height: 400 };

  it('never enlarges a small picture and shows all of a large one', () => {
    expect(fit({ width: 100, height: 50 }, port).scale).toBe(1);
    const large = fit({ width: 4000, height: 1000 }, port);
    expect(4000 * large.scale).toBeLessThanOrEqual(800);
  });

  it('begins at a readable size where the whole would be too small', () => {
    const first = firstSight({ width: 9000, height: 300 }, port);
    expect(first.scale).toBeGreaterThanOrEqual(0.5);
    expect(first.x).toBeGreaterThan(0);
  });

  it('keeps the point under the pointer while zooming', () => {
    const before = { x: 10, y: 20, scale: 1 };
    const after = zoom(before, 1.5, 200, 100);
    expect((200 - after.x) / after.scale).toBeCloseTo((200 - before.x) / before.scale);
  });

  it('moves just enough to reveal a node', () => {
    const half = { width: 60, height: 20 };
    expect(reveal({ x: 0, y: 0, scale: 1 }, port, 400, 200, half)).toEqual({ x: 0, y: 0, scale: 1 });
    expect(reveal({ x: 0, y: 0, scale: 1 }, port, 1000, 200, half).x).toBe(800 - 16 - 1060);
  });

  it('asks for neither a sliver nor a whole screen', () => {
    expect(portHeight({ width: 100, height: 10 }, 800)).toBe(72);
    expect(portHeight({ width: 100, height: 9000 }, 800)).toBe(700);
  });
});

describe('keys', () => {
  const nodes = [node('a', 0, 0), node('b', 200, 10), node('c', 200, 120)];

  it('lead straight ahead before aslant', () => {
    expect(neighbour(nodes, nodes[0], 'ArrowRight')?.id).toBe('b');
    expect(neighbour(nodes, nodes[1], 'ArrowDown')?.id).toBe('c');
    expect(neighbour(nodes, nodes[0], 'ArrowLeft')).toBeNull();
    expect(neighbour(nodes, nodes[0], 'x')).toBeNull();
  });

  it('stay within the matrix', () => {
    expect(step('ArrowDown', 1, 0, 2, 3)).toEqual([1, 0]);
    expect(step('End', 0, 0, 2, 3)).toEqual([0, 2]);
    expect(step('Tab', 0, 0, 2, 3)).toBeNull();
  });
});

describe('timeline', () => {
  const view = run([
    row('a', 'success', {
      start_date: '2024-01-01T00:00:00Z',
      end_date: '2024-01-01T00:00:10Z',
      duration: 10
    }),
    row('b', 'running', { start_date: '2024-01-01T00:00:10Z' }),
    row('c', 'queued')
  ]);

  it('draws bars to one scale', () => {
    const now = Date.parse('2024-01-01T00:00:20Z');
    const span = spanOf(view, now);
    expect(barOf(view.tasks[0], span, now)).toEqual({ left: 0, width: 0.5 });
    expect(barOf(view.tasks[1], span, now)).toEqual({ left: 0.5, width: 0.5 });
    expect(barOf(view.tasks[2], span, now)).toBeNull();
  });
});

describe('heading', () => {
  it('offers what makes sense', () => {
    expect(headingActions(run([], 'running')).map(one => one.action.action)).toEqual(['cancel']);
    expect(headingActions(run([], 'failed')).map(one => one.action.action)).toEqual(['retry']);
    expect(headingActions(run([], 'success'))).toEqual([]);
    expect(headingActions(backfill([['queued']])).map(one => one.action.action)).toEqual(['pause', 'cancel']);
    expect(headingActions({ ...backfill([['queued']]), paused: true })[0].action).toEqual({
      action: 'resume',
      flow_id: 'flights',
      backfill_id: 3
    });
  });
});

describe('sources', () => {
  it('refuse what cannot be drawn', () => {
    for (const bad of [
      null,
      'x',
      {},
      { view: 'x' },
      { view: { type: 'alien' } },
      { view: { type: 'run', tasks: [] } }
    ]) {
      expect(isPayload(bad)).toBe(false);
    }
    expect(isPayload({ version: 1, view: run([]), scene: scene([]) })).toBe(true);
    expect(isPayload({ version: 1, view: backfill([['queued']]), scene: null })).toBe(true);
  });

  it('show of a log what a terminal shows', () => {
    expect(plain('\u001b[31mValueError\u001b[39m: no')).toBe('ValueError: no');
    expect(plain('a\r\n 10 %\r 90 %\rdone\nb')).toBe('a\ndone\nb');
  });

  it('keep only the tail of a log', () => {
    const logs = new Logs();
    logs.add('a', -1, 'x'.repeat(70_000), false);
    logs.add('a', -1, 'end', false);
    expect(logs.get('a', -1)).toHaveLength(64_000);
    expect(logs.get('a', -1)?.endsWith('xend')).toBe(true);
    logs.add('a', -1, 'new', true);
    expect(logs.get('a', -1)).toBe('new');
    expect(logs.get('a', 0)).toBeNull();
    logs.add('a', -1, 'of one run', true, 'monday');
    expect(logs.get('a', -1, 'monday')).toBe('of one run');
    expect(logs.get('a', -1, 'tuesday')).toBe('new');
  });
});
