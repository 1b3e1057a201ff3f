"""What is in an environment, against its receipts (docs/receipts.md).

``receipt`` is the document itself; ``record`` and ``files`` read what pip left; ``check`` compares the two; ``again``
judges what was accepted then under the keys and the policy of today.
"""
