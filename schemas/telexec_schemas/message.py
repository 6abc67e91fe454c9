"""The base of everything that is put on the wire."""

import msgspec


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """An immutable message; fields are camelCase on the wire, unknown ones are ignored."""


class Nothing(Message, frozen=True):
    """An empty object: the params of a method that needs none, the result of one that has none."""


NOTHING = Nothing()
