// What tests said of texts, so that texts which many have are tested once. Bounded by what it takes: texts come from people,
// and some change theirs again and again.

/** What it may take, in octets: when it is full, all of it is forgotten. */
const mostOctets = 8 * 1024 * 1024
/** Texts that many have are short. Longer ones are not remembered. */
const mostCharacters = 256
/** Of an entry beside its text and its answers, about. */
const octetsOfEntry = 160
const octetsOfCharacter = 2
const octetsOfAnswer = 8

/** The answers to several questionnaires: those about one attribute belong together. */
export class RememberedAnswers {
  readonly #byQuestions = new Map<object, Map<string, readonly boolean[]>>()
  #octets = 0

  /** What is kept takes this, estimated rather too high. */
  get octets(): number {
    return this.#octets
  }

  find(questions: object, text: string): readonly boolean[] | undefined {
    return this.#byQuestions.get(questions)?.get(text)
  }

  /** Keeps what was said of a text of which nothing is kept. */
  keep(questions: object, text: string, answers: readonly boolean[]): void {
    if (text.length > mostCharacters) return
    const octets = octetsOfEntry + text.length * octetsOfCharacter + answers.length * octetsOfAnswer
    if (octets > mostOctets) return
    if (this.#octets + octets > mostOctets) {
      this.#byQuestions.clear()
      this.#octets = 0
    }
    this.#octets += octets
    const known = this.#byQuestions.get(questions)
    const own = copyOf(text)
    if (known === undefined) this.#byQuestions.set(questions, new Map([[own, answers]]))
    else known.set(own, answers)
  }
}

/** A part of a text keeps the whole text in memory: of a long form, of which one field is a word. */
function copyOf(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}
