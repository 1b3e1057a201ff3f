"""Running pip so that nothing is unpacked, built or installed before it was verified.

Two processes. The *parent* (``driver``, ``server``) has the policy, the network and the verdicts. The *child*
(``runner``, ``table``, ``seams``, ``canary``) is pip, started in the target interpreter with our hooks; it is standard
library and pip only, so it uses relative imports and imports nothing else of ours. ``channel`` is what both
speak. ``docs/how-it-works.md`` lists the seams.
"""
