import { expect, test } from 'vitest'
import { othersCanWrite } from './others-can-write.js'

test.skipIf(process.platform === 'win32').each([
  ['of the user, closed', 0o100644, 1000, 1000, false],
  ['of root, closed', 0o100644, 0, 0, false],
  ['of somebody else, closed', 0o100600, 1001, 1001, true],
  ['of the user, open to their own group', 0o100664, 1000, 1000, false],
  ['of the user, open to a group of several', 0o40720, 1000, 100, true],
  ['of root, open to a group of several', 0o40775, 0, 100, true],
  ['of the user, open to everybody', 0o41777, 1000, 1000, true],
])('what is %s', (_what, mode, uid, gid, expected) => {
  expect(othersCanWrite({ mode, uid, gid }, [1000])).toBe(expected)
})
