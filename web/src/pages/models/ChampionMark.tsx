import { symbol, symbolStar } from "d3-shape";

const STAR = symbol(symbolStar, 70)() ?? "";

/** The star of the champion, as in the plots; with its word for those who do not see it. */
export function ChampionMark({ word = false }: { word?: boolean }) {
  return (
    <span class="champion">
      <svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">
        <path d={STAR} />
      </svg>
      {word ? "Champion" : <span class="visually-hidden">Champion: </span>}
    </span>
  );
}
