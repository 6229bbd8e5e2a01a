"""How signatures are checked while the tests run: an int will do where a float is wanted."""

from beartype import BeartypeConf, beartype

checker = beartype(conf=BeartypeConf(is_pep484_tower=True))
