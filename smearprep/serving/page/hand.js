// The tool in hand.

/** Args: the stage's element, which gets the tool's name for its cursor. */
export class Hand {
  #stage;
  /** name -> tool. */
  tools = {};
  /** The name of the tool in hand. */
  name = "";
  /** Called when another tool is taken, or what a tool's button shows has changed. */
  onChange = () => {};

  constructor(stage) {
    this.#stage = stage;
  }

  get tool() {
    return this.tools[this.name];
  }

  /** Takes a tool by its name; what the one before had half done is committed or dropped. */
  take(name) {
    if (this.name) {
      this.tool.commit();
      this.tool.cancel();
    }
    this.name = name;
    this.#stage.dataset.tool = name;
    this.changed();
  }

  /** Has buttons show the state of what they stand for. */
  changed() {
    this.onChange();
  }
}
