"""The embedded backbone, trained from nothing: tokenizer, dense vision stage, language stages."""
