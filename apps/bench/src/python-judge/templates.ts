import { HfquantError, type Tokenizer } from 'hfquant'
import { CONVERSATIONS, type TemplateInput } from './conversations.js'
import type { NamedTemplate } from './template-files.js'

/** What an engine makes of a conversation: a prompt, or an error. */
export type Rendered = { readonly text: string } | { readonly error: string }

export interface TemplateCase {
  readonly template: NamedTemplate
  readonly conversation: string
  readonly input: TemplateInput
}

/** Special tokens that templates write. */
const TOKENS = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' }

/** Every template with every conversation. */
export function templateCases(templates: readonly NamedTemplate[]): TemplateCase[] {
  return templates.flatMap((template) =>
    Object.entries(CONVERSATIONS).map(([conversation, input]) => ({
      template,
      conversation,
      input: { ...input, ...TOKENS },
    })),
  )
}

/** Renders a case with hfquant. The tokenizer lends its `applyChatTemplate` alone. */
export function renderCase({ template, input }: TemplateCase, tokenizer: Tokenizer, now: Date): Rendered {
  const { messages, tools, documents, add_generation_prompt, continue_final_message, ...variables } = input
  try {
    const text = tokenizer.applyChatTemplate(messages, {
      chatTemplate: template.source,
      addGenerationPrompt: add_generation_prompt ?? false,
      continueFinalMessage: continue_final_message ?? false,
      ...(tools && { tools: tools as { [key: string]: unknown }[] }),
      ...(documents && { documents: documents as { [key: string]: unknown }[] }),
      variables,
      now,
    })
    return { text }
  } catch (error) {
    if (HfquantError.isInstance(error)) return { error: `${error.code}: ${error.message}` }
    throw error
  }
}

export interface TemplateComparison {
  readonly templates: number
  readonly conversations: number
  readonly equal: number
  readonly refusedAlike: number
  readonly different: readonly {
    readonly template: string
    readonly conversation: string
    readonly hfquant: Rendered
    readonly python: Rendered
  }[]
}

/** Puts what both engines made side by side; an error is like any other error. */
export function compareRendered(
  cases: readonly TemplateCase[],
  ours: readonly Rendered[],
  theirs: readonly Rendered[],
): TemplateComparison {
  const pairs = cases.map((one, index) => ({ one, hfquant: ours[index]!, python: theirs[index]! }))
  const isEqual = (a: Rendered, b: Rendered) => 'text' in a && 'text' in b && a.text === b.text
  const refused = (a: Rendered, b: Rendered) => 'error' in a && 'error' in b
  return {
    templates: new Set(cases.map(({ template }) => template)).size,
    conversations: new Set(cases.map(({ conversation }) => conversation)).size,
    equal: pairs.filter(({ hfquant, python }) => isEqual(hfquant, python)).length,
    refusedAlike: pairs.filter(({ hfquant, python }) => refused(hfquant, python)).length,
    different: pairs
      .filter(({ hfquant, python }) => !isEqual(hfquant, python) && !refused(hfquant, python))
      .map(({ one, hfquant, python }) => ({
        template: one.template.name,
        conversation: one.conversation,
        hfquant,
        python,
      })),
  }
}
