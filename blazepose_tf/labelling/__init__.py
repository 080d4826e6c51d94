"""Labels that no human has placed yet, and data made of those that one has: labelling, composing, choosing.

`agreement` says when two looks at a person are one label, `people` finds and labels them, `peers` reads other systems'
poses, `cutouts` and `scenes` put people and things into other pictures, `blending` and `choosing` rewrite a data set
after what models say of it.
"""
