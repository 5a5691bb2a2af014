import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { expect, test } from 'vitest'
import { disturbance, quietest, readProcessorTimes, undisturbed } from './disturbance.js'

const times = (busy: number, stolen: number, own: number, wall: number) => ({ busy, stolen, own, wall })

test('the share of others is what is busy beyond what is measured, and what the host takes', () => {
  const cores = cpus().length
  const from = times(100, 5, 20, 0)
  expect(disturbance(from, times(100 + cores, 5, 20 + cores, 1))).toBe(0)
  expect(disturbance(from, times(100 + cores, 5, 20 + cores / 2, 1))).toBeCloseTo(0.5)
  expect(disturbance(from, times(100, 5 + cores / 4, 20, 1))).toBeCloseTo(0.25)
  expect(disturbance(from, times(100, 5, 20.1, 1)), 'clocks tick at different times').toBe(0)
  expect(disturbance(undefined, undefined), 'a system that does not tell').toBe(0)
})

test.runIf(process.platform === 'linux')('what this process and its children do is its own', () => {
  const from = readProcessorTimes()!
  execFileSync(process.execPath, ['-e', `(${spin})()`])
  const between = readProcessorTimes()!
  spin()
  const to = readProcessorTimes()!
  expect(between.own - from.own).toBeGreaterThan(0.25)
  expect(to.own - between.own).toBeGreaterThan(0.25)
  expect(to.busy - from.busy).toBeGreaterThan(0.5)
})

test.runIf(process.platform === 'linux')(
  'what a measured process does while it goes on is no disturbance',
  async () => {
    const child = spawn(process.execPath, ['-e', `(${spin})(); console.log(1); setInterval(() => {}, 1000)`])
    try {
      await once(child.stdout, 'data')
      expect(readProcessorTimes([child.pid!])!.own - readProcessorTimes()!.own).toBeGreaterThan(0.25)
    } finally {
      child.kill()
    }
  },
)

/** Takes 0.3 s of processor time. */
function spin() {
  const { user, system } = process.cpuUsage()
  for (let now = { user, system }; now.user + now.system < user + system + 300_000; ) now = process.cpuUsage()
}

test('a disturbed run is repeated, and the quietest counts', async () => {
  const runs = [0.4, 0.2, 0.3, 0]
  const repeated: number[] = []
  const measure = async () => ({ disturbance: runs.shift()! })
  const found = await quietest(measure, 2, (run) => repeated.push(run.disturbance))
  expect([found.disturbance, repeated, runs]).toEqual([0.2, [0.4, 0.2], [0]])
  expect(await quietest(measure, 2, () => {})).toEqual({ disturbance: 0 })
  const options = { repeats: 0, processes: [{ pid: process.pid }], report() {} }
  expect(await undisturbed(async () => 'found', options)).toMatchObject({ found: 'found' })
})
