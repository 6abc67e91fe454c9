"""A method or a notification: its name tied to the types that travel with it."""

from typing import Generic, TypeVar

import msgspec

Params = TypeVar("Params")
Result = TypeVar("Result")

_encoder = msgspec.json.Encoder()


class Method(Generic[Params, Result]):
    """A call that is answered, declared once for the client that sends and the service that serves.

    Args:
        name: As on the wire.
        params: The type of what is sent.
        result: The type of what is answered.
        repeatable: Whether sending it again after a lost connection changes nothing more.
    """

    __slots__ = ("_params", "_result", "name", "params", "repeatable", "result")

    def __init__(
        self, name: str, params: type[Params], result: type[Result], *, repeatable: bool
    ) -> None:
        self.name = name
        self.params = params
        self.result = result
        self.repeatable = repeatable
        self._params = msgspec.json.Decoder(params)
        self._result = msgspec.json.Decoder(result)

    def __repr__(self) -> str:
        return f"Method({self.name!r})"

    def decode_params(self, raw: bytes | msgspec.Raw) -> Params:
        """Return the params of a request.

        Raises:
            msgspec.ValidationError: They are not of this method's type; the text names the field.
        """
        return self._params.decode(raw)

    def decode_result(self, raw: bytes | msgspec.Raw) -> Result:
        """Return the result of an answer.

        Raises:
            msgspec.ValidationError: It is not of this method's type; the text names the field.
        """
        return self._result.decode(raw)


class Notification(Generic[Params]):
    """A message that is not answered."""

    __slots__ = ("_params", "name", "params")

    def __init__(self, name: str, params: type[Params]) -> None:
        self.name = name
        self.params = params
        self._params = msgspec.json.Decoder(params)

    def __repr__(self) -> str:
        return f"Notification({self.name!r})"

    def decode_params(self, raw: bytes | msgspec.Raw) -> Params:
        """Return the params.

        Raises:
            msgspec.ValidationError: They are not of this notification's type.
        """
        return self._params.decode(raw)


def encode(message: object) -> bytes:
    """Return the JSON of a message.

    Raises:
        UnicodeEncodeError: A string holds what JSON cannot carry (a lone surrogate).
    """
    return _encoder.encode(message)
