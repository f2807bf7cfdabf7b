# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 七、站得住吗 Does it stand
#
# 原文留下的口径换一种读法，评分差一档，抽查换一批，等次和名次会不会变；哪些镇街的等次取决于哪一条的读法。
#
# Would grades and ranks be others had an open passage been read otherwise, had a judgement been a step off, had another
# sample been drawn; and whose grade depends on the reading of which clause.

# %%
from IPython.display import display

from pipelines.analysis import stability
from pipelines.analysis.marts import open_marts
from pipelines.analysis.tables import table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
year = 0  # 年度，0 为最近一年 the last year
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
year = year or marts.years[-1]

# %% [markdown]
# ## 口径 Readings
#
# 全部读法的每一种组合都按同样的规则算一遍。「单独」是一个口径自己造成的变动，「连同其他」还包括它与别的口径共同造成的，
# 因此后者合计可以超过 100%。
#
# Every combination of readings is scored by the same rules. "Alone" is what a reading does by itself, "with others"
# includes what it does together with others, so that those may come to more than 100%.

# %%
stability.draw_shares(marts, year, language)

# %%
table(stability.reading_table(marts, year, language), language)

# %%
table(stability.bands(marts, year, language), language)

# %% [markdown]
# ## 只改一个口径就会变等的 One other reading is enough

# %%
table(stability.alternatives(marts, year, language), language)

# %% [markdown]
# ## 评分与抽查 Judgements and samples
#
# 一档是考核员对该条惯用的最小差距（工作定义）。抽查数据取 95% 区间两端。随机变动只算最近一年。
#
# A step is the usual gap between scores assessors give the item (a working definition). Sampled figures are taken at
# either end of their 95% interval. Draws are of the latest year only.

# %%
for cause in ("judgement", "sample"):
    display(table(stability.bands(marts, year, language, cause), language))

# %%
stability.draw_shares(marts, marts.years[-1], language, "draws")

# %%
table(stability.bands(marts, marts.years[-1], language, "draws"), language)
