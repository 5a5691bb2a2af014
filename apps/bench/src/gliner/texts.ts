import { labelledTexts } from 'hfquant/demo'

/** As many labels as a figure has, by the figure's name. */
export const LABEL_COUNTS = [4, 20] as const

const LABELS = [
  ...['person', 'place', 'organization', 'date', 'product', 'event', 'animal', 'plant', 'food', 'drink'],
  ...['vehicle', 'tool', 'building', 'river', 'mountain', 'country', 'city', 'language', 'job', 'weekday'],
]

export const firstLabels = (count: number): readonly string[] => LABELS.slice(0, count)

/** Texts that the bundled model was not trained on, the same every time. */
export const glinerTexts = (count: number): readonly string[] =>
  labelledTexts({ seed: 900_001, count }).map(({ text }) => text)

/** Names of the figures in texts per second: a text in a call, and all of them in one. */
export const speedNames = (labels: number): readonly [one: string, all: string] => [
  `texts/s, ${labels} labels`,
  `in one call, ${labels} labels`,
]
