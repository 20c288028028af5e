"""The corpus: documents read and normalised once, cut into passages, and quotes found in them."""

from __future__ import annotations

from hds_bot.corpus.files import stamp
from hds_bot.corpus.quotes import find_quote, fold
from hds_bot.corpus.reading import Corpus, fingerprint, read_corpus, read_document
from hds_bot.corpus.splitting import split

__all__ = ["Corpus", "find_quote", "fingerprint", "fold", "read_corpus", "read_document", "split", "stamp"]
