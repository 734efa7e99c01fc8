import { beforeEach, describe, expect, it } from 'vitest';
import { mountView, StillSource } from '../src/view';
import { backfill, FakeSource, node, row, run, scene } from './fixtures';

const drawing = scene([node('extract', 80, 60), node('join', 300, 60)]);

function mounted(source: StillSource) {
  const host = document.createElement('div');
  document.body.replaceChildren(host);
  const life = new AbortController();
  mountView(host, source, life.signal);
  const find = (selector: string) => host.querySelector<HTMLElement>(selector)!;
  return { host, life, find };
}

function press(element: Element, key: string) {
  element.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
}

function buttonNamed(host: Element, label: string) {
  return [...host.querySelectorAll('button')].find(one => one.textContent === label);
}

describe('a live run', () => {
  let source: FakeSource;
  beforeEach(() => {
    source = new FakeSource({
      version: 1,
      view: run([row('extract', 'success'), row('join', 'running', { cell: 0, cells: 2 })]),
      scene: drawing
    });
  });

  it('shows each state by class, badge and words', () => {
    const { find } = mounted(source);
    expect(find('[data-id=extract]').classList.contains('jfx-success')).toBe(true);
    expect(find('[data-id=join] .jfx-nodeWords').textContent).toBe('cell 1 of 2');
    expect(find('[data-id=join]').getAttribute('aria-label')).toBe('join, cell 1 of 2');
    expect(find('.jfx-bar').getAttribute('aria-valuetext')).toBe('1 success, 1 running');
  });

  it('follows changes without drawing the graph anew', () => {
    const { find } = mounted(source);
    const before = find('[data-id=join]');
    source.show({
      ...source.payload,
      view: run([row('extract', 'success'), row('join', 'failed')], 'failed')
    });
    expect(find('[data-id=join]')).toBe(before);
    expect(before.getAttribute('class')).toContain('jfx-failed');
    expect(before.getAttribute('class')).not.toContain('jfx-running');
  });

  it('opens details by key, asks for the log, and closes by Escape', () => {
    const { find } = mounted(source);
    press(find('[data-id=extract]'), 'ArrowRight');
    expect(document.activeElement?.getAttribute('data-id')).toBe('join');
    press(document.activeElement!, 'Enter');
    expect(find('.jfx-detail').hidden).toBe(false);
    expect(source.sent).toMatchObject([
      { action: 'log', task_id: 'join', run_id: 'manual__1', map_index: -1 }
    ]);
    press(document.activeElement!, 'Escape');
    expect(find('.jfx-detail').hidden).toBe(true);
  });

  it('asks for the log again only when the task has moved', () => {
    const { find } = mounted(source);
    press(find('[data-id=join]'), 'Enter');
    source.show({
      ...source.payload,
      view: run([row('extract', 'success'), row('join', 'failed', { reason: 'boom' })])
    });
    source.show({ ...source.payload });
    expect(source.sent.filter(one => one.action === 'log')).toHaveLength(2);
    expect(find('.jfx-reason').textContent).toBe('boom');
  });

  it('sends what is clicked with all one needs to obey', () => {
    const { host } = mounted(source);
    buttonNamed(host, 'Cancel')!.click();
    expect(source.sent).toEqual([{ action: 'cancel', flow_id: 'flights', run_id: 'manual__1' }]);
  });

  it('leaves nothing behind when its life ends', () => {
    const { host, life } = mounted(source);
    life.abort();
    expect(host.childElementCount).toBe(0);
    source.show(source.payload);
    expect(host.childElementCount).toBe(0);
  });
});

describe('a still picture', () => {
  it('offers no action', () => {
    const source = new StillSource({
      version: 1,
      view: run([row('join', 'failed')], 'failed'),
      scene: drawing
    });
    const { host, find } = mounted(source);
    expect(buttonNamed(host, 'Retry failed')).toBeUndefined();
    expect(find('.jp-Flows').classList.contains('jp-Flows-still')).toBe(true);
  });

  it('shows hostile names as text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    const view = { ...run([row(evil, 'failed', { reason: evil })]), flow_id: evil };
    const { host } = mounted(new StillSource({ version: 1, view, scene: scene([node(evil, 80, 60)]) }));
    expect(host.querySelector('img')).toBeNull();
    expect(host.textContent).toContain(evil);
  });
});

describe('a backfill', () => {
  it('shows a state in every cell and opens a row', () => {
    const source = new FakeSource({
      version: 1,
      view: backfill([
        ['success', 'failed'],
        ['queued', 'no_status']
      ]),
      scene: null
    });
    const { host, find } = mounted(source);
    expect([...host.querySelectorAll('.jfx-cell')].map(cell => cell.getAttribute('data-state'))).toEqual([
      'success',
      'failed',
      'queued',
      'no_status'
    ]);
    press(find('.jfx-cell'), 'ArrowDown');
    press(document.activeElement!, 'Enter');
    expect(find('.jfx-detail .jfx-name').textContent).toBe('2013-01-02');
    buttonNamed(find('.jfx-detail'), 'Cancel')!.click();
    expect(source.sent).toEqual([{ action: 'cancel', flow_id: 'flights', run_id: 'backfill__1' }]);
  });

  it('opens a failed row with the log of the task that failed, and another task on a click', () => {
    const source = new FakeSource({ version: 1, view: backfill([['success', 'failed']]), scene: null });
    const { find } = mounted(source);
    find('.jfx-rowLabel').click();
    expect(find('.jfx-chosen').getAttribute('data-state')).toBe('failed');
    expect(source.sent).toMatchObject([{ action: 'log', run_id: 'backfill__0', task_id: 'task_1' }]);
    find('[data-task=task_0]').click();
    expect(source.sent[1]).toMatchObject({ action: 'log', run_id: 'backfill__0', task_id: 'task_0' });
  });

  it('makes room for whole column names', () => {
    const view = { ...backfill([['success']]), columns: ['a_name_of_twenty_five_letters'] };
    const { find } = mounted(new FakeSource({ version: 1, view, scene: null }));
    expect(find('thead').style.getPropertyValue('--jfx-longest')).toBe('24');
    expect(find('.jfx-column span').textContent).toBe('a_name_of_twenty…letters');
  });
});
