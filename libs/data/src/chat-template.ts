import { DataError } from '@chop/core';
import { Template } from '@huggingface/jinja';

/** One turn of a conversation. */
export interface Message {
  readonly role: string;
  readonly content: string;
}

/** A model's chat template: Jinja, with the names that Hugging Face's templates expect. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #names: Readonly<Record<string, unknown>>;
  readonly #source: string;

  /** @param names - what the template may read beside the messages: `bos_token`, `eos_token`. @throws {@link DataError} `TOKENIZER_BROKEN` */
  constructor(text: string, names: Readonly<Record<string, unknown>>, source: string) {
    this.#names = names;
    this.#source = source;
    try {
      this.#template = new Template(text);
    } catch (cause) {
      throw new DataError('TOKENIZER_BROKEN', {
        file: source,
        found: `a chat template that does not parse (${messageOf(cause)})`,
        expected: 'a Jinja template',
        cause,
      });
    }
  }

  /** @throws {@link DataError} `CHAT_TEMPLATE` when the template refuses the conversation (an unknown role, say). */
  render(messages: readonly Message[], addGenerationPrompt: boolean): string {
    try {
      return this.#template.render({
        ...this.#names,
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (cause) {
      throw new DataError('CHAT_TEMPLATE', {
        file: this.#source,
        found: `a conversation of ${messages.map(({ role }) => role).join(', ')} that the chat template refuses (${messageOf(cause)})`,
        expected: "roles in the order that the model's template knows",
        cause,
      });
    }
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
