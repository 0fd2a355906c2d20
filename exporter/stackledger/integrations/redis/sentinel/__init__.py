"""Redis Sentinel: what Sentinels say of the masters that they watch. `answers` reads it, `watch` judges it."""
