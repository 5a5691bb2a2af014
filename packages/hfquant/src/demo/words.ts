/** The vocabulary of the stories. The order of every list is part of the generator: an index is drawn, not a word. */

const words = (list: string): readonly string[] => list.split(' ')

export const GIRLS = words(
  'Ada Bea Cora Dina Elsa Faye Greta Hana Iris June Kira Lena Mina Nora Olga Petra Rosa Sana Tess Una Vera Willa Yara Zoe',
)
export const BOYS = words(
  'Abel Boris Cyril Dan Emil Felix Goran Hugo Ivan Jonas Karl Leo Milan Nils Oscar Pavel Rafi Sven Timo Umar Viktor Walter Yusuf Zeno',
)
export const ANIMALS = words(
  'cat dog fox hen goat owl frog duck mouse horse sheep rabbit turtle hedgehog squirrel donkey sparrow beaver badger otter',
)
export const THINGS = words(
  'ball kite drum lamp boat bell book coin key hat cup spoon rope box map flute basket blanket mirror candle ladder wheel whistle lantern',
)
export const FOODS = words('apple pear plum carrot onion potato cookie bun egg nut melon pie turnip pancake')
export const PLACES: readonly string[] = [
  'the old mill',
  'the river',
  'the market',
  'the barn',
  'the hill',
  'the library',
  'the garden',
  'the harbour',
  'the bridge',
  'the bakery',
  'the forest',
  'the lake',
  'the school',
  'the tower',
  'the meadow',
  'the train station',
]
export const COLORS = words('red blue green yellow white black brown golden silver purple orange grey')
export const SIZES = words('big small tiny huge long short round heavy light shiny broken old new soft')
export const MOODS_GOOD = words('happy proud glad calm brave cheerful thankful hopeful')
export const MOODS_BAD = words('sad angry tired afraid worried lonely upset cold')
/** [what kind of day, what it did]. */
export const WEATHER: readonly (readonly [string, string])[] = [
  ['rainy', 'the rain fell all morning'],
  ['sunny', 'the sun was warm'],
  ['windy', 'the wind pulled at the trees'],
  ['snowy', 'the snow covered every roof'],
  ['foggy', 'nobody could see far'],
  ['stormy', 'thunder rolled over the hills'],
]
export const TIMES: readonly string[] = [
  'One morning',
  'One evening',
  'One day',
  'Last winter',
  'In the spring',
  'On a market day',
  'After lunch',
  'Before supper',
  'Late at night',
]
/** 9 + 8 = 17 is the largest number a story counts to. */
export const NUMBERS = words(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen',
)
export const LESSONS: readonly string[] = [
  'that it is good to share',
  'that a promise must be kept',
  'that help comes to those who ask',
  'that small friends can be strong',
  'that it is wise to wait',
  'that being kind costs nothing',
  'that mistakes can be mended',
  'that listening is the first step',
]
export const GIVERS = words('mother father uncle aunt teacher neighbour')
