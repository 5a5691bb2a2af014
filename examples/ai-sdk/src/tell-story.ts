import { generateText, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'

const animal = z.enum(['cat', 'dog', 'bird'])

const beginStory = tool({
  description: 'The first sentence of a story about an animal.',
  inputSchema: z.object({ animal }),
  execute: (input) => `Once upon a time, there was a little ${input.animal}.`,
})

const storySchema = z.object({ animal, ending: z.enum(['happy', 'sad']), stars: z.int().min(1).max(5) })

export interface Story extends z.infer<typeof storySchema> {
  readonly text: string
}

/**
 * Has a model choose an animal, tell a story about it, and describe that story.
 *
 * @param write is given the story piece by piece, as it is told.
 */
export async function tellStory(model: LanguageModel, write: (piece: string) => void): Promise<Story> {
  const { fullStream } = streamText({
    ...{ model, prompt: 'Begin a story.', tools: { beginStory }, maxOutputTokens: 60, temperature: 0 },
    stopWhen: stepCountIs(2),
    // The first step has to choose, the second one has to tell.
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
    providerOptions: { hfquant: { parallelToolCalls: false } },
  })
  let text = ''
  const add = (piece: string) => {
    text += piece
    write(piece)
  }
  for await (const part of fullStream) {
    if (part.type === 'tool-result' && !part.dynamic) add(part.output)
    if (part.type === 'text-delta') add(part.text)
    if (part.type === 'error') throw part.error
  }
  const { output } = await generateText({
    ...{ model, temperature: 0, maxOutputTokens: 100 },
    prompt: `${text}\n\nThe story as JSON: `,
    output: Output.object({ schema: storySchema }),
  })
  return { text, ...output }
}
