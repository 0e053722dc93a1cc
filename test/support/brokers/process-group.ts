import { readdir, readFile } from 'node:fs/promises';
import { eventually } from '../eventually.js';

/** Resolves when every thread of the group has come to a stop: a signal takes each one when it gets to run. Linux only. */
export function groupStopped(group: number): Promise<boolean> {
  return eventually(async () => {
    const states = await Promise.all((await processesOf(group)).map(threadStates));
    return states.flat().length > 0 && states.flat().every((state) => 'TtZX'.includes(state));
  });
}

async function processesOf(group: number): Promise<string[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const members = await Promise.all(
    all.map(async (pid) => ((await stat(`/proc/${pid}/stat`))?.group === group ? [pid] : [])),
  );
  return members.flat();
}

async function threadStates(pid: string): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const stats = await Promise.all(threads.map((thread) => stat(`/proc/${pid}/task/${thread}/stat`)));
  return stats.flatMap((one) => (one === undefined ? [] : [one.state]));
}

/** proc(5): the state is the first field behind the command's closing bracket, the process group the third. */
async function stat(path: string): Promise<{ state: string; group: number } | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const [state = '', , group = ''] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  return text === undefined ? undefined : { state, group: Number(group) };
}
