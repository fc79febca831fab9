// One translation at a time: what changes meanwhile is translated once, when the one before has ended.

const REST = 30; // ms between two, for the browser to draw

export class Live {
  constructor(work, fail) {
    Object.assign(this, { work, fail, isWanted: false, isRunning: false });
  }

  async request() {
    this.isWanted = true;
    if (this.isRunning) return;
    this.isRunning = true;
    while (this.isWanted) {
      this.isWanted = false;
      try {
        await this.work();
      } catch (error) {
        this.fail(error);
        if (error.retry) this.isWanted = true;
      }
      await new Promise((resolve) => setTimeout(resolve, REST));
    }
    this.isRunning = false;
  }
}
