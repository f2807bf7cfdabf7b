"""Kaohe 考核: from a bureau's rubric and its towns' statistics to grades that stand up to a challenge."""
