import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { compileChatTemplate } from './chat-template.js'
import { ChatTemplateError } from './errors.js'
import type { ChatMessage } from './index.js'

interface Case {
  readonly template: string
  readonly input: {
    readonly messages: readonly ChatMessage[]
    readonly tools?: readonly unknown[]
    readonly add_generation_prompt?: boolean
    readonly continue_final_message?: boolean
    readonly [variable: string]: unknown
  }
}

const cases = await read<Case[]>('cases.json')
const expected = await read<(string | null)[]>('expected.json')

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(`../../../../goldens/templates/${name}`, import.meta.url), 'utf8'))
}

/** What a case gives, or null for an error: every way of saying no counts alike. */
function render({ template, input }: Case): string | null {
  const { messages, tools, add_generation_prompt, continue_final_message, ...variables } = input
  try {
    return compileChatTemplate(template)({
      messages,
      tools,
      documents: undefined,
      addGenerationPrompt: add_generation_prompt ?? false,
      continueFinalMessage: continue_final_message ?? false,
      variables,
      now: new Date(2025, 6, 4, 9, 5, 3),
    })
  } catch (error) {
    if (ChatTemplateError.isInstance(error)) return null
    throw error
  }
}

describe('templates give what the Python transformers give, or are refused alike', () => {
  it.each(cases.map((one, index) => [one.template, index] as const))('%s', (_template, index) => {
    expect(render(cases[index]!)).toBe(expected[index])
  })
})
