// A browser starts no worker for a page that was opened from a folder. There the search runs in a hidden frame instead.
// The file's name matters: Zensical puts in one from elsewhere where it finds none of this name.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = (data) => setTimeout(() => this.receive(data))
      const script = inside.document.createElement("script")
      script.src = new URL(url, document.baseURI)
      this.ready = new Promise((done) => (script.onload = done))
      script.onerror = () => this.onerror?.(new Event("error"))
      inside.document.body.append(script)
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow?.dispatchEvent(new MessageEvent("message", { data })))
    }

    receive(data) {
      const event = new MessageEvent("message", { data })
      this.onmessage?.(event)
      this.dispatchEvent(event)
    }

    terminate() {
      this.frame.remove()
    }
  }
}
