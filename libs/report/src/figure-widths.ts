/** Pictures with text in them are drawn twice, and the style sheet shows the one whose letters are legible: pixels of the wide one … */
export const WIDE = 880;
/** … and of the one for a telephone. */
export const NARROW = 350;
