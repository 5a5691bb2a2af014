import { describe, expect, it } from 'vitest'
import { generationWarnings } from './index.js'

describe('settings of generation_config.json', () => {
  it('that change the text in Python and are not offered are said, with their values', () => {
    const { warnings } = generationWarnings({
      num_beams: 4,
      typical_p: 0.9,
      guidance_scale: 1.5,
      encoder_repetition_penalty: 1.2,
      encoder_no_repeat_ngram_size: 3,
      do_sample: true,
    })
    expect(warnings).toEqual([
      'generation_config.json sets num_beams to 4, which is not offered: generation goes on without it',
      'generation_config.json sets typical_p to 0.9, which is not offered: generation goes on without it',
      'generation_config.json sets guidance_scale to 1.5, which is not offered: generation goes on without it',
      'generation_config.json sets encoder_repetition_penalty to 1.2, which is not offered: generation goes on without it',
      'generation_config.json sets encoder_no_repeat_ngram_size to 3, which is not offered: generation goes on without it',
    ])
  })

  it('that are honoured, neutral, or about other things are not', () => {
    const file = {
      ...{ num_beams: 1, typical_p: 1, epsilon_cutoff: 0, guidance_scale: null, token_healing: false },
      ...{ encoder_repetition_penalty: 1, encoder_no_repeat_ngram_size: 0 },
      ...{ min_new_tokens: 2, suppress_tokens: [1], eos_token_id: 2, stop_strings: 'x' },
      ...{ use_cache: true, transformers_version: '5.0.0', _from_model_config: true, early_stopping: false },
    }
    expect(generationWarnings(file)).toEqual({ warnings: [], remarks: [] })
  })

  it('that nobody knows are worth a remark', () => {
    expect(generationWarnings({ temprature: 1, chat_format: 'x', temperature: 1 })).toEqual({
      warnings: [],
      remarks: ['generation_config.json has settings that are not known: temprature, chat_format'],
    })
  })
})
