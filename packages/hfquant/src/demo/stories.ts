/**
 * Deterministic generator of short children's stories: the text the demo model was trained on and is evaluated with.
 *
 * Every platform yields the same characters, because the generator only uses 32-bit integer arithmetic and draws in a
 * fixed order. Changing a word, a list or the order of two draws changes the meaning of every measured loss. Training
 * used seed 1, evaluation uses seed 2, calibration uses seed 3.
 */

import {
  ANIMALS,
  BOYS,
  COLORS,
  FOODS,
  GIRLS,
  GIVERS,
  LESSONS,
  MOODS_BAD,
  MOODS_GOOD,
  NUMBERS,
  PLACES,
  SIZES,
  THINGS,
  TIMES,
  WEATHER,
} from './words.js'

/** A source of uniform numbers in [0, 1). */
export type Random = () => number

/** Which stories to write: the same `seed` and `stories` always give the same text. */
export interface StoryOptions {
  /** Any 32-bit integer. */
  readonly seed: number
  /** How many stories; the first n of a seed do not depend on this number. */
  readonly stories: number
}

/** `stories` paragraphs separated by a blank line, with a line break at the end. */
export function storyText(options: StoryOptions): string {
  return `${storyList(options).join('\n\n')}\n`
}

/** `stories` paragraphs, each ending in a full stop. */
export function storyList({ seed, stories }: StoryOptions): string[] {
  const random = mulberry32(seed)
  return Array.from({ length: stories }, () => story(random))
}

/** One story as a paragraph ending in a full stop; takes as many draws from `random` as it needs. */
export function story(random: Random): string {
  const hero = person(random)
  let friend = person(random)
  while (friend.name === hero.name) friend = person(random)
  const thing = pick(random, THINGS)
  const looks = random() < 0.5 ? pick(random, COLORS) : pick(random, SIZES)
  const opening = `${pick(random, TIMES)} a ${hero.kind} named ${hero.name} got ${article(`${looks} ${thing}`)}`
  const lines = [`${opening} from ${hero.his} ${pick(random, GIVERS)}.`]
  const scenes = [
    () => lostAndFound(random, hero, friend, thing),
    () => animalFriend(random, hero),
    () => trade(random, hero, friend, thing),
    () => [counting(random, hero)],
    () => weatherTurn(random, hero, thing),
  ]
  const count = 2 + Math.floor(random() * 2)
  for (let scene = 0; scene < count; scene++) {
    const [tell] = scenes.splice(Math.floor(random() * scenes.length), 1)
    lines.push(...tell!())
  }
  lines.push(
    random() < 0.5
      ? `That night ${hero.name} learned ${pick(random, LESSONS)}.`
      : `${hero.name} went to sleep and dreamed of the ${looks} ${thing}.`,
  )
  return lines.join(' ')
}

interface Person {
  readonly name: string
  readonly he: string
  readonly his: string
  readonly kind: string
}

function person(random: Random): Person {
  return random() < 0.5
    ? { name: pick(random, GIRLS), he: 'she', his: 'her', kind: 'girl' }
    : { name: pick(random, BOYS), he: 'he', his: 'his', kind: 'boy' }
}

function counting(random: Random, { name, he }: Person): string {
  const food = pick(random, FOODS)
  const have = 2 + Math.floor(random() * 8)
  const change = 1 + Math.floor(random() * (have - 1))
  const amount = (count: number) => `${NUMBERS[count]} ${count === 1 ? food : plural(food)}`
  return random() < 0.5
    ? `${name} had ${amount(have)}. ${capital(he)} found ${NUMBERS[change]} more. Now ${he} had ${amount(have + change)}.`
    : `${name} had ${amount(have)}. ${capital(he)} gave ${NUMBERS[change]} away. Now ${he} had ${amount(have - change)}.`
}

function lostAndFound(random: Random, hero: Person, friend: Person, item: string): string[] {
  const place = pick(random, PLACES)
  const bad = pick(random, MOODS_BAD)
  const good = pick(random, MOODS_GOOD)
  return [
    `${hero.name} could not find ${hero.his} ${item}, and ${hero.he} was ${bad}.`,
    `"Have you seen my ${item}?" ${hero.he} asked ${friend.name}.`,
    random() < 0.5
      ? `"I think it is at ${place}," said ${friend.name}.`
      : `${friend.name} thought for a while. "Let us look at ${place}," ${friend.he} said.`,
    `They walked to ${place} together, and there was the ${item}.`,
    `${hero.name} was ${good} again and thanked ${friend.name}.`,
  ]
}

function animalFriend(random: Random, { name, he }: Person): string[] {
  const animal = pick(random, ANIMALS)
  const color = pick(random, COLORS)
  const food = pick(random, FOODS)
  const place = pick(random, PLACES)
  return [
    `At ${place} ${he} met ${article(`${color} ${animal}`)}.`,
    `The ${animal} was hungry, so ${name} gave it ${article(food)}.`,
    `"Thank you for the ${food}," said the ${animal}. "I will remember you."`,
    `From that day the ${color} ${animal} followed ${name} everywhere.`,
  ]
}

function trade(random: Random, { name }: Person, friend: Person, item: string): string[] {
  const other = pick(
    random,
    THINGS.filter((thing) => thing !== item),
  )
  const color = pick(random, COLORS)
  return [
    `${friend.name} had ${article(`${color} ${other}`)} and wanted the ${item}.`,
    `"Will you give me your ${item} for my ${other}?" asked ${friend.name}.`,
    random() < 0.6
      ? `${name} said yes. So ${name} took the ${other}, and ${friend.name} took the ${item}.`
      : `${name} said no. So ${name} kept the ${item}, and ${friend.name} kept the ${other}.`,
  ]
}

function weatherTurn(random: Random, { name, his }: Person, item: string): string[] {
  const [kind, effect] = pick(random, WEATHER)
  const place = pick(random, PLACES)
  return [
    `It was a ${kind} day, and ${effect}.`,
    kind === 'sunny'
      ? `${name} took the ${item} to ${place} and stayed until dark.`
      : `${name} hid the ${item} under ${his} coat and ran home from ${place}.`,
  ]
}

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!

const article = (phrase: string): string => (/^[aeiou]/.test(phrase) ? 'an ' : 'a ') + phrase

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1)

/** Plural of one of `FOODS`; only `potato` needs more than an s. */
const plural = (food: string): string => (food === 'potato' ? 'potatoes' : `${food}s`)

/** mulberry32: 32 bits of state, uniform in [0, 1). */
function mulberry32(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
