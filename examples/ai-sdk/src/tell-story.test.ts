import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('the program tells the story that its tool began, and describes it', async () => {
  const program = fileURLToPath(new URL('../dist/main.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [program])
  const [story = '', description] = stdout.trimEnd().split(/\n\n(?=A \w+ story)/)
  const [beginning = '', animal] = /^Once upon a time, there was a little (\w+)\./.exec(story) ?? []
  expect(animal).toMatch(/^(cat|dog|bird)$/)
  expect(story.length).toBeGreaterThan(beginning.length + 20)
  expect(description).toMatch(/^A (happy|sad) story about a (cat|dog|bird): \*{1,5}$/)
})
