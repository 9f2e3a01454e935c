export interface Area {
  readonly width: number
  readonly height: number
  readonly ratio: number
}

/** A canvas with as many pixels as its place on screen has, and its measures in CSS pixels. */
export function fit(canvas: HTMLCanvasElement, ratio: number): { ctx: CanvasRenderingContext2D; size: Area } {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))]
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high]
  const ctx = canvas.getContext('2d')
  if (ctx === null) throw new Error('This browser gives no canvas.')
  return { ctx, size: { width, height, ratio } }
}

/** The text, with an ellipsis where it is wider than so many pixels; '' where not even a letter fits. */
export function cut(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  // More letters than pixels never fit; measuring them would cost.
  const longest = text.length > width ? text.slice(0, Math.max(0, Math.floor(width))) : text
  if (longest === text && ctx.measureText(text).width <= width) return text
  let [low, high] = [0, longest.length]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (ctx.measureText(`${longest.slice(0, middle)}…`).width <= width) low = middle
    else high = middle - 1
  }
  return low === 0 ? '' : `${longest.slice(0, low)}…`
}
