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
# # 六、共性失分 Common losses
#
# 哪些条款在各镇街扣分最多、扣在谁身上、历年有无改观、考核员给出的理由。
#
# Which clauses cost the towns most, whom, whether it got better over the years, and the reasons assessors gave.

# %%
from pipelines.analysis import levers, losses
from pipelines.analysis.marts import RUBRICS, open_marts
from pipelines.analysis.tables import sentences, table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
year = 0  # 年度，0 为最近一年 the last year
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
year = year or marts.years[-1]

# %%
losses.draw_losses(marts, year, language)

# %%
table(losses.losses(marts, year, language), language)

# %% [markdown]
# ## 扣在谁身上 Whom it costs

# %%
losses.losses_of_towns(marts, year, language)

# %% [markdown]
# ## 哪些改进升等最多 Which changes would lift most towns
#
# 各镇街都做同一项改进，由同一套规则重新计分。Every town making the change, scored again by the same rules.

# %%
sentences(levers.city_in_words(levers.city_levers(marts, RUBRICS, year), language).splitlines()[1:], language)

# %% [markdown]
# ## 历年 Year by year

# %%
losses.losses_by_year(marts, language)

# %% [markdown]
# ## 考核员的理由 The assessors' reasons

# %%
table(losses.reasons(marts, year, language), language)
